/* The load generator: one process, one thread, epoll.
 *
 * usage: generator PORT CLIENTS IN_FLIGHT SECONDS HELLO PING
 *
 * Connects CLIENTS clients to 127.0.0.1:PORT, sends each one's HELLO (with %d replaced by its number), waits for a
 * first answer to each, and then keeps IN_FLIGHT times PING under way for SECONDS: whenever one is answered, the next
 * client in turn pings. HELLO and PING are text, or bytes in hexadecimal after "hex:". Prints one JSON object.
 * Its own processor time is in it, so that one sees whether it was the bottleneck.
 * Between joining and pinging it prints "joined" and waits for a line on its standard input, so that the caller can
 * measure the server at rest.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

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

int main(int argc, char **argv) {
    if (argc != 7) {
        fprintf(stderr, "usage: generator PORT CLIENTS IN_FLIGHT SECONDS HELLO PING\n");
        return 2;
    }
    int port = atoi(argv[1]), clients = atoi(argv[2]), in_flight = atoi(argv[3]);
    double seconds = atof(argv[4]);
    static char buffer[1 << 16];
    static long histogram[BUCKETS];
    int *sockets = calloc(clients, sizeof *sockets);
    double *sent = calloc(clients, sizeof *sent);
    int poll = epoll_create1(0);
    double begun = now();
    for (int i = 0; i < clients; i++) {
        int one = 1;
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if ((sockets[i] = socket(AF_INET, SOCK_STREAM, 0)) < 0) fail("socket");
        setsockopt(sockets[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (connect(sockets[i], (struct sockaddr *)&to, sizeof to)) fail("connect");
        int length = bytes_of(argv[5], i, buffer, sizeof buffer);
        if (send(sockets[i], buffer, length, 0) != length) fail("send");
    }
    for (int i = 0; i < clients; i++) {
        if (recv(sockets[i], buffer, sizeof buffer, 0) <= 0) fail("a client was not registered");
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        epoll_ctl(poll, EPOLL_CTL_ADD, sockets[i], &event);
    }
    double joined = now() - begun;
    printf("joined\n");
    fflush(stdout);
    if (!fgets(buffer, sizeof buffer, stdin)) return 0;
    for (int i = 0; i < clients; i++) /* what came meanwhile, such as the rest of a list, is no pong */
        while (recv(sockets[i], buffer, sizeof buffer, MSG_DONTWAIT) > 0) continue;

    static char ping[256];
    int ping_length = bytes_of(argv[6], 0, ping, sizeof ping);
    long done = 0;
    int *resting = calloc(clients, sizeof *resting), first = 0, rest = 0; /* a ring: who has no ping under way, in turn */
    double start = now(), end = start + seconds, cpu = processor_time();
    for (int i = 0; i < clients; i++) {
        if (i < in_flight) {
            sent[i] = now();
            send(sockets[i], ping, ping_length, 0);
        } else
            resting[rest++] = i;
    }
    struct epoll_event events[256];
    while (now() < end) {
        int ready = epoll_wait(poll, events, 256, 100);
        double at = now();
        for (int j = 0; j < ready; j++) {
            int i = events[j].data.u32;
            if (recv(sockets[i], buffer, sizeof buffer, 0) <= 0) fail("a client was hung up");
            if (sent[i] == 0) continue; /* a roster, or late news */
            long bucket = (at - sent[i]) * 1e5;
            histogram[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
            done++;
            sent[i] = 0;
            resting[(first + rest) % clients] = i;
            int chosen = resting[first];
            first = (first + 1) % clients;
            sent[chosen] = now();
            send(sockets[chosen], ping, ping_length, 0);
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
