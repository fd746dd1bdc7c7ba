/* main.c - the gateway process: read settings and files, give up privilege, serve, stop. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bus/beside.h"
#include "bus/identity.h"
#include "bus/log.h"
#include "bus/owned.h"
#include "bus/supervised.h"
#include "gateway/health.h"
#include "gateway/landlock.h"
#include "gateway/openapi.h"
#include "gateway/preview.h"
#include "gateway/preview_crowd.h"
#include "gateway/preview_watch.h"
#include "gateway/rate_table.h"
#include "gateway/studio.h"

enum {
    STOP_MS_MAX = 4500,             /* the supervisor waits for ten seconds */
    DESCRIPTORS_BESIDE = 512,       /* beside one for each connection and one for its app */
};

/* What needs the file system or privilege. */
static bool open_files(struct gateway *self, struct fault *fault)
{
    char installed[PATH_MAX];
    const char *const places[] = {installed, ISEKAI_WEB_SOURCE, NULL};

    if (!beside_program(ISEKAI_WEB_INSTALLED, installed, fault))
        return false;
    self->studio = studio_new(places, fault);
    self->previews = self->studio ? preview_routes_new(self->bus.isekai_run, fault) : NULL;
    return self->previews != NULL;
}

static bool raise_limits(const struct gateway *self, struct fault *fault)
{
    struct rlimit limit;
    rlim_t wanted = self->settings.http_threads * 2 + DESCRIPTORS_BESIDE;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return fault_set(fault, FAULT_internal, "RLIMIT_NOFILE cannot be read");
    if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < wanted)
        return fault_set(fault, FAULT_malformed, "http_threads=%llu needs %llu open files, the limit "
                         "is %llu; set HTTP_THREADS lower, or raise the limit (ulimit -Hn)",
                         (unsigned long long)self->settings.http_threads,
                         (unsigned long long)wanted, (unsigned long long)limit.rlim_max);
    limit.rlim_cur = wanted;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ||
           fault_set(fault, FAULT_internal, "RLIMIT_NOFILE cannot be raised");
}

/* civetweb would not tell this from an address that is only in use for now. */
static bool may_listen(const struct config *config, struct fault *fault)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)config->listen_port)};
    OWNED(fd) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(&address.sin_addr, config->listen_address.octets + 12, sizeof address.sin_addr);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno == EACCES)
        return fault_set(fault, FAULT_forbidden, "isekai_listen: the gateway has no right to port "
                         "%u; choose one from 1024 up", config->listen_port);
    return true;
}

/* Before the first thread: Landlock binds a thread and those it starts. */
static bool give_up_files(struct fault *fault)
{
    bool is_on;

    if (!landlock_give_up_files(&is_on, fault))
        return false;
    if (!is_on)
        log_line(LOG_WARN, NULL, "landlock_missing kept=files_in_view");
    return true;
}

/* What the threads will share. */
static bool open_parts(struct gateway *self, struct fault *fault)
{
    self->rates = rate_table_new();
    if (!self->rates || !openapi_text(&self->openapi))
        return fault_set(fault, FAULT_internal, "no memory");
    self->watch = preview_watch_new(fault);
    self->crowd = self->watch ? preview_crowd_new(self->settings.preview_requests_max, fault) : NULL;
    self->pipe = self->crowd ? pipe_new(&self->bus, fault) : NULL;
    self->health = self->pipe ? health_new(self->pipe, fault) : NULL;
    return self->health != NULL;
}

static bool begin(struct gateway *self, struct fault *fault)
{
    return http_server_start(
        &self->server,
        &(struct http_server_options){
            .listen_host = self->config.listen_host,
            .listen_address = self->config.listen_address,
            .listen_port = self->config.listen_port,
            .threads = (uint32_t)self->settings.http_threads,
            .address_connections_max = (uint32_t)self->settings.address_connections_max,
            .proxies = &self->config.proxies,
            .additional_header = self->fixed.additional,
            .serve = serve_request,
            .refuse = refuse_request,
            .self = self,
        },
        fault);
}

static void wait_for_stop(const sigset_t *signals)
{
    int number;

    while (sigwait(signals, &number) != 0)
        ;
    log_line(LOG_INFO, NULL, "stop_asked signal=%d", number);
}

/* Answers under way end within STOP_MS_MAX or with the process. */
static void end(struct gateway *self)
{
    if (self->server && !http_server_stop(self->server, STOP_MS_MAX)) {
        log_line(LOG_WARN, NULL, "gateway_stopped unfinished=yes");
        _exit(EXIT_SUCCESS);
    }
    health_free(self->health);
    pipe_free(self->pipe);
    rate_table_free(self->rates);
    preview_watch_free(self->watch);
    preview_crowd_free(self->crowd);
    preview_routes_free(self->previews);
    studio_free(self->studio);
    free((void *)(uintptr_t)self->openapi.at);
}

static bool serve(struct gateway *self, struct fault *fault)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);     /* every thread inherits it */
    (void) signal(SIGPIPE, SIG_IGN);

    bool served = config_read(&self->bus, &self->settings, &self->config, fault) &&
                  security_headers_print(&self->config, self->settings.x_xss_protection,
                                         &self->fixed, fault) &&
                  open_files(self, fault) && raise_limits(self, fault) &&
                  identity_become_role(self->bus.isekai_user, fault) &&
                  supervised_follow(fault) && give_up_files(fault) && may_listen(&self->config, fault) &&
                  open_parts(self, fault) && begin(self, fault);
    if (served) {
        log_line(LOG_INFO, NULL, "gateway_started listen=%s", self->settings.isekai_listen);
        wait_for_stop(&signals);
    }
    end(self);
    return served;
}

int main(int argc, char **argv)
{
    static struct gateway gateway;
    const struct setting_group groups[] = {{&settings_of_bus, &gateway.bus},
                                           {&settings_of_gateway, &gateway.settings}};
    struct fault fault = {.kind = FAULT_NONE};
    enum log_level level = LOG_INFO;

    switch (settings_load(groups, 2, "HTTP for Isekai: the API, the studio and the previews.", argc,
                          argv, &fault)) {
    case SETTINGS_HELPED:
        return EXIT_SUCCESS;
    case SETTINGS_REFUSED:
        fprintf(stderr, "isekai-gateway: %s\n", fault.reason);
        return EXIT_MISUSED;
    case SETTINGS_LOADED:
        break;
    }
    (void) log_level_from_name(gateway.bus.log_level, &level);
    log_begin("gateway", level);
    if (serve(&gateway, &fault))
        return EXIT_SUCCESS;
    return supervised_give_up("gateway", &fault);
}
