/* What one thread for each client can do at all: the same conversation in C, without a roster, JSON, or leases.
 *
 * usage: ceiling PORT
 *
 * A thread blocks in recv and answers every packet with a pong. What Rollcall loses against it is the price of Python;
 * what both lose against an event loop is the price of a thread for each client.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void *converse(void *argument) {
    static const char pong[] = "{\"type\":\"pong\"}\n";
    int client = (int)(long)argument;
    char buffer[512];
    while (recv(client, buffer, sizeof buffer, 0) > 0) send(client, pong, sizeof pong - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    close(client);
    return NULL;
}

int main(int argc, char **argv) {
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(argc == 2 ? atoi(argv[1]) : 0)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) return 1;
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 65536);
    for (;;) {
        pthread_t thread;
        int client = accept(listener, NULL, NULL);
        if (client < 0) return 1;
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (pthread_create(&thread, &small, converse, (void *)(long)client)) return 1;
        pthread_detach(thread);
    }
}
