/* bare_civetweb.c - the peer: civetweb alone, sending the octets of a file for every request.
 *   bare_civetweb PORT FILE      until standard input ends                                   */
#include <civetweb.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char body[1 << 20];
static size_t body_size;

static int send_body(struct mg_connection *connection, void *unused)
{
    (void) unused;
    mg_printf(connection, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
              "Content-Length: %zu\r\n\r\n", body_size);
    mg_write(connection, body, body_size);
    return 200;
}

int main(int argc, char **argv)
{
    char octet;

    if (argc != 3)
        return 64;
    const char *options[] = {"listening_ports", argv[1], "num_threads", "128", "tcp_nodelay", "1",
                             "enable_keep_alive", "yes", "keep_alive_timeout_ms", "10000", NULL};
    FILE *file = fopen(argv[2], "rb");
    if (!file)
        return 1;
    body_size = fread(body, 1, sizeof body, file);
    (void) fclose(file);
    struct mg_context *context = mg_start(NULL, NULL, options);
    if (!context)
        return 1;
    mg_set_request_handler(context, "/", send_body, NULL);
    printf("ready\n");
    (void) fflush(stdout);
    while (read(STDIN_FILENO, &octet, 1) > 0)
        ;
    mg_stop(context);
    return 0;
}
