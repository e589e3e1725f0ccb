/* The load generator: one process, one thread, epoll.
 *
 * usage: generator PORT CLIENTS IN_FLIGHT SECONDS HELLO PING [tls]
 *
 * Connects CLIENTS clients to 127.0.0.1:PORT, sends each one's HELLO (with %d replaced by its number), waits for a
 * first answer to each, and then keeps IN_FLIGHT times PING under way for SECONDS: whenever one is answered, the next
 * client in turn pings. HELLO and PING are text, or bytes in hexadecimal after "hex:". Prints one JSON object.
 * Its own processor time is in it, so that one sees whether it was the bottleneck.
 * Between joining and pinging it prints "joined" and waits for a line on its standard input, so that the caller can
 * measure the server at rest.
 *
 * Compiled with -DWITH_TLS and OpenSSL, "tls" puts each client inside TLS. Some handshakes are under way at a time, as
 * one after the other would mostly measure how long this process sleeps.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#ifdef WITH_TLS
#include <fcntl.h>
#include <openssl/ssl.h>
#endif

#define AHEAD 16 /* handshakes under way */
#define BUCKETS 200000 /* of 10 microseconds: up to two seconds */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static void fail(const char *what) {
    fprintf(stderr, "generator: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double processor_time(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

/* The bytes that an argument stands for, in buffer; how many. */
static int bytes_of(const char *text, int number, char *buffer, size_t size) {
    if (strncmp(text, "hex:", 4)) return snprintf(buffer, size, text, number);
    size_t length = 0;
    for (text += 4; length < size && sscanf(text, "%2hhx", (unsigned char *)&buffer[length]) == 1; text += 2) length++;
    return length;
}

/* One client: its socket and, inside TLS, what encrypts. The sockets block; `more` says that a read would not. */
struct client {
    int socket;
#ifdef WITH_TLS
    SSL *tls;
#endif
};

static int put(struct client *client, const char *data, int length) {
#ifdef WITH_TLS
    if (client->tls) return SSL_write(client->tls, data, length);
#endif
    return send(client->socket, data, length, 0);
}

static int take(struct client *client, char *buffer, int size) {
#ifdef WITH_TLS
    if (client->tls) return SSL_read(client->tls, buffer, size);
#endif
    return recv(client->socket, buffer, size, 0);
}

static int more(struct client *client) {
    struct pollfd readable = {.fd = client->socket, .events = POLLIN};
#ifdef WITH_TLS
    if (client->tls && SSL_has_pending(client->tls)) return 1;
#endif
    return poll(&readable, 1, 0) > 0;
}

#ifdef WITH_TLS
static SSL_CTX *context;

static void use_tls(void) {
    static const unsigned char protocol[] = "\x0arollcall/2";
    context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_alpn_protos(context, protocol, sizeof protocol - 1);
    SSL_CTX_set_read_ahead(context, 1); /* one receive for a record, as a client of ours does it */
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

static void begin_tls(struct client *client) { /* sends the hello; what the server says to it has not come yet */
    client->tls = SSL_new(context);
    SSL_set_fd(client->tls, client->socket);
    fcntl(client->socket, F_SETFL, O_NONBLOCK);
    SSL_connect(client->tls);
    fcntl(client->socket, F_SETFL, 0);
}

static void end_tls(struct client *client) {
    if (SSL_connect(client->tls) != 1) fail("handshake");
}
#endif

int main(int argc, char **argv) {
    int tls = argc == 8 && !strcmp(argv[7], "tls");
    if (argc != 7 && !tls) {
        fprintf(stderr, "usage: generator PORT CLIENTS IN_FLIGHT SECONDS HELLO PING [tls]\n");
        return 2;
    }
#ifdef WITH_TLS
    if (tls) use_tls();
#else
    if (tls) {
        fprintf(stderr, "generator: compiled without TLS\n");
        return 2;
    }
#endif
    int port = atoi(argv[1]), clients = atoi(argv[2]), in_flight = atoi(argv[3]);
    double seconds = atof(argv[4]);
    static char buffer[1 << 16];
    static long histogram[BUCKETS];
    struct client *all = calloc(clients, sizeof *all);
    double *sent = calloc(clients, sizeof *sent);
    int queue = epoll_create1(0);
    double begun = now();
    for (int next = 0, i; next < clients + (tls ? AHEAD : 0); next++) {
        if (next < clients) {
            int one = 1;
            struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
            to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            if ((all[next].socket = socket(AF_INET, SOCK_STREAM, 0)) < 0) fail("socket");
            setsockopt(all[next].socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            if (connect(all[next].socket, (struct sockaddr *)&to, sizeof to)) fail("connect");
        }
        i = next;
#ifdef WITH_TLS
        if (tls && next < clients) begin_tls(&all[next]);
        if (tls && (i -= AHEAD) < 0) continue;
        if (tls) end_tls(&all[i]);
#endif
        int length = bytes_of(argv[5], i, buffer, sizeof buffer);
        if (put(&all[i], buffer, length) != length) fail("send");
    }
    for (int i = 0; i < clients; i++) {
        if (take(&all[i], buffer, sizeof buffer) <= 0) fail("a client was not registered");
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        epoll_ctl(queue, EPOLL_CTL_ADD, all[i].socket, &event);
    }
    double joined = now() - begun;
    printf("joined\n");
    fflush(stdout);
    if (!fgets(buffer, sizeof buffer, stdin)) return 0;
    for (int i = 0; i < clients; i++) /* what came meanwhile, such as the rest of a list, is no pong */
        while (more(&all[i]) && take(&all[i], buffer, sizeof buffer) > 0) continue;

    static char ping[256];
    int ping_length = bytes_of(argv[6], 0, ping, sizeof ping);
    long done = 0;
    int *resting = calloc(clients, sizeof *resting), first = 0, rest = 0; /* a ring: who has no ping under way, in turn */
    double start = now(), end = start + seconds, cpu = processor_time();
    for (int i = 0; i < clients; i++) {
        if (i < in_flight) {
            sent[i] = now();
            put(&all[i], ping, ping_length);
        } else
            resting[rest++] = i;
    }
    struct epoll_event events[256];
    while (now() < end) {
        int ready = epoll_wait(queue, events, 256, 100);
        double at = now();
        for (int j = 0; j < ready; j++) {
            int i = events[j].data.u32;
            if (take(&all[i], buffer, sizeof buffer) <= 0) fail("a client was hung up");
            if (sent[i] == 0) continue; /* a roster, or late news */
            long bucket = (at - sent[i]) * 1e5;
            histogram[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
            done++;
            sent[i] = 0;
            resting[(first + rest) % clients] = i;
            int chosen = resting[first];
            first = (first + 1) % clients;
            sent[chosen] = now();
            put(&all[chosen], ping, ping_length);
        }
    }
    double elapsed = now() - start;
    long seen = 0;
    double p50 = -1, p99 = -1;
    for (int i = 0; i < BUCKETS && p99 < 0; i++) {
        seen += histogram[i];
        if (p50 < 0 && seen * 2 >= done) p50 = i / 100.0;
        if (seen >= done * 0.99) p99 = i / 100.0;
    }
    printf("{\"joins_per_second\":%.0f,\"pings_per_second\":%.0f,\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"generator_cpu\":%.2f}\n",
           clients / joined, done / elapsed, p50, p99, (processor_time() - cpu) / elapsed);
    return 0;
}
