/* Prints the addresses that the C library finds for a name, each once, in its order; or why it finds none. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int main(int argc, char **argv) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found, *each;
    char text[INET6_ADDRSTRLEN];
    if (argc > 2) hints.ai_family = strcmp(argv[2], "4") ? AF_INET6 : AF_INET;
    int error = argc > 1 ? getaddrinfo(argv[1], NULL, &hints, &found) : EAI_NONAME;
    if (error) {
        puts(error == EAI_NONAME ? "no such name" : gai_strerror(error));
        return 2;
    }
    for (each = found; each; each = each->ai_next) {
        const void *address = each->ai_family == AF_INET
            ? (const void *)&((struct sockaddr_in *)each->ai_addr)->sin_addr
            : (const void *)&((struct sockaddr_in6 *)each->ai_addr)->sin6_addr;
        puts(inet_ntop(each->ai_family, address, text, sizeof text));
    }
    freeaddrinfo(found);
    return 0;
}
