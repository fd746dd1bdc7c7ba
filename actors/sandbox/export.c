/* export.c - making an archive of an app: its code, its data, and app.json that says what is where.
 *
 * The data is copied while no change of the app is under way, and the copy, which nobody else writes,
 * is packed afterwards: whatever the app does meanwhile, a file in the archive is as it was at one
 * moment, as far as the app writes its files whole. app.json comes last: an archive without one was cut.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "actors/sandbox/packer.h"
#include "actors/sandbox/sandbox.h"
#include "actors/sandbox/tree.h"
#include "actors/sandbox/utf8.h"
#include "bus/clock.h"
#include "bus/owned.h"
#include "schemas/json.h"

enum { LEFT_OUT_MAX = 100, LEFT_OUT_PATH_OCTETS = 1024, ENTRY_PATH_SIZE = PATH_MAX + 16 };

struct making {
    struct sandbox *sandbox;
    const struct pack_request *request;
    struct arena *arena;
    int64_t at_ms, deadline_ms;
    char app_id[APP_ID_SIZE];
    int app;                                    /* its directory, or -1: it has none here */
    char copy[WORKSPACE_NAME_SIZE];             /* of its data; "": none */
    struct packer *packer;
    struct left_out left_out[LEFT_OUT_MAX];
    uint32_t left_out_count;
    uint64_t left_out_others;
};

/* ---- what is left out ---- */

static void leave_out(void *self, const char *path, const char *why)
{
    struct making *making = self;
    char *told = making->left_out_count < LEFT_OUT_MAX
                     ? arena_take(making->arena, LEFT_OUT_PATH_OCTETS) : NULL;

    if (!told) {
        making->left_out_others++;
        return;
    }
    size_t size = utf8_repair(path, strlen(path), told, LEFT_OUT_PATH_OCTETS);
    making->left_out[making->left_out_count++] =
        (struct left_out){.path = {told, size}, .why = text_from(why)};
}

/* A name that could lead elsewhere, or be read otherwise, where the archive is unpacked. */
static const char *complaint_of(struct text name)
{
    if (text_code_points(name) == SIZE_MAX)
        return "its name is no UTF-8";
    if (text_has_control(name))
        return "its name holds a control character";
    return memchr(name.at, '\\', name.size) ? "its name holds a backslash" : NULL;
}

/* What lies below a directory that is left out goes with it, unnamed. */
static bool is_left_out(struct making *making, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *why = complaint_of(text_from(slash ? slash + 1 : path));

    if (why && !(slash && complaint_of((struct text){path, (size_t)(slash - path)})))
        leave_out(making, path, why);
    return complaint_of(text_from(path)) != NULL;
}

/* ---- what goes in ---- */

static bool is_in_time(const struct making *making, struct fault *fault)
{
    return clock_left_ms(making->deadline_ms) > 0 ||
           fault_set(fault, FAULT_timed_out, "the archive is not ready in time");
}

static bool name_entry(const char *below, const char *path, char out[ENTRY_PATH_SIZE],
                       struct fault *fault)
{
    return snprintf(out, ENTRY_PATH_SIZE, "%s/%s", below, path) < ENTRY_PATH_SIZE ||
           fault_set(fault, FAULT_internal, "a path is too long for an archive");
}

static bool pack_directory(void *self, const char *path, struct fault *fault)
{
    struct making *making = self;
    char name[ENTRY_PATH_SIZE];

    if (is_left_out(making, path))
        return true;
    return name_entry("data", path, name, fault) &&
           packer_add_directory(making->packer, name, making->at_ms, fault);
}

static bool pack_file(void *self, const char *path, int fd, const struct stat *about,
                      struct fault *fault)
{
    struct making *making = self;
    char name[ENTRY_PATH_SIZE];

    if (is_left_out(making, path))
        return true;
    return is_in_time(making, fault) && name_entry("data", path, name, fault) &&
           packer_add_file(making->packer, name, fd, about, fault);
}

static bool pack_data(struct making *making, struct fault *fault)
{
    const struct tree_visitor visitor = {.self = making, .directory = pack_directory,
                                         .file = pack_file, .left_out = leave_out};

    if (!*making->copy)
        return true;
    OWNED(fd) int copy = tree_open_directory(making->app, making->copy);
    if (copy < 0)
        return tree_fault(fault, "open a copy of the data");
    return packer_add_directory(making->packer, "data", making->at_ms, fault) &&
           tree_walk(copy, EXPORT_ENTRIES_MAX, &visitor, fault);
}

static bool pack_code(struct making *making, struct fault *fault)
{
    const struct app_code *code = making->request->app->code;
    char path[PATH_MAX], name[ENTRY_PATH_SIZE];

    for (uint32_t i = 0; code && i < code->files.count; i++) {
        const struct file *file = &code->files.at[i];
        if (!text_is_file_path(file->path) || !text_to_string(file->path, path, sizeof path))
            return fault_set(fault, FAULT_malformed, "Invalid file path");
        if (!name_entry("code", path, name, fault) ||
            !packer_add(making->packer, name, file->content, making->at_ms, fault))
            return false;
    }
    return true;
}

/* ---- app.json ---- */

static bool print_about(const struct making *making, msgpack_sbuffer *out, struct fault *fault)
{
    const struct pack_request *request = making->request;
    const struct app *app = request->app;
    struct archive_about about = {
        .id = app->id, .name = app->name, .prompt = app->prompt, .version = app->version,
        .created_at = app->created_at, .updated_at = app->updated_at,
        .exported_at = making->at_ms, .metadata = app->metadata, .data = request->data,
        .left_out = {making->left_out, making->left_out_count},
        .left_out_others = making->left_out_others,
    };
    msgpack_sbuffer packed;

    if (request->egress) {
        about.egress.at = request->egress->grants.at;
        about.egress.count = request->egress->grants.count;
    }
    msgpack_sbuffer_init(&packed);
    bool printed = message_encode(&archive_about_message, &about, &packed, fault) &&
                   json_from_packed(&archive_about_message,
                                    (struct text){packed.data, packed.size}, out, fault);
    msgpack_sbuffer_destroy(&packed);
    return printed;
}

static bool pack_about(struct making *making, struct fault *fault)
{
    msgpack_sbuffer json;

    msgpack_sbuffer_init(&json);
    bool done = print_about(making, &json, fault) &&
                packer_add(making->packer, "app.json", (struct text){json.data, json.size},
                           making->at_ms, fault);
    msgpack_sbuffer_destroy(&json);
    return done;
}

/* ---- making it ---- */

static uint64_t octets_max(const struct making *making)
{
    return making->sandbox->options.settings->export_max_mb << 20;
}

static bool copy_claimed(struct making *making, struct fault *fault)
{
    const struct tree_watcher watcher = {making, leave_out};
    struct workspace *workspace = &making->sandbox->workspace;

    if (workspace_export_data(workspace, making->app, octets_max(making), &watcher, making->copy,
                              fault))
        return true;
    *making->copy = '\0';
    if (fault->kind != FAULT_too_large)
        return false;
    return fault_set(fault, FAULT_too_large, "The app's data is more than EXPORT_MAX_MB (%" PRIu64
                     ") or %d files; export without it (data=off) or let the operator raise that.",
                     making->sandbox->options.settings->export_max_mb, EXPORT_ENTRIES_MAX);
}

static bool copy_data(struct making *making, struct fault *fault)
{
    struct sandbox *sandbox = making->sandbox;

    making->app = workspace_app(&sandbox->workspace, making->app_id, /* make= */ false, fault);
    if (making->app < 0 && fault->kind != FAULT_app_not_found)
        return false;
    if (making->app < 0 || making->request->data == export_data_off)
        return true;                    /* it never ran here, or nobody wants its data */
    struct claim *claim = claims_wait(sandbox->claims, making->app_id, making->deadline_ms, fault);
    if (!claim)
        return false;
    bool copied = copy_claimed(making, fault);
    claims_give(sandbox->claims, claim);
    return copied;
}

static bool write_archive(struct making *making, int file, uint64_t *octets, struct fault *fault)
{
    bool is_zip = text_is(making->request->format, "zip");

    making->packer = packer_new(file, is_zip ? PACKER_ZIP : PACKER_TAR_GZ, UINT64_MAX, fault);
    bool written = making->packer && pack_code(making, fault) && pack_data(making, fault) &&
                   pack_about(making, fault) && packer_end(making->packer, octets, fault);
    packer_free(making->packer);
    return written;
}

/* The directory that was copied from is still the app's: else the walk may have found less and less. */
static bool is_still_there(const struct making *making)
{
    struct fault ignored;
    struct stat before, now;
    OWNED(fd) int app = workspace_app(&making->sandbox->workspace, making->app_id,
                                      /* make= */ false, &ignored);

    return making->app < 0 || (app >= 0 && fstat(app, &now) == 0 &&
                               fstat(making->app, &before) == 0 && now.st_ino == before.st_ino);
}

static bool answer(struct making *making, struct export *place, int *file, uint64_t octets,
                   struct export_reply *out, struct fault *fault)
{
    const struct pack_request *request = making->request;
    const struct export_key key = {.app_id = request->app->id, .user = request->user};
    char id[EXPORT_ID_SIZE];

    out->octets = octets;
    out->file_name = arena_print(making->arena, "%s-v%" PRIu64 ".%.*s", making->app_id,
                                 request->app->version, TEXT_ARGS(request->format));
    exports_keep(making->sandbox->exports, place, &key, fd_take(file), id);
    out->export_id = arena_text(making->arena, text_from(id));
    if (is_still_there(making) && out->file_name.at && out->export_id.at)
        return true;
    exports_forget(making->sandbox->exports, making->app_id);
    return fault_set(fault, FAULT_app_not_found, "removed while it was exported");
}

static bool make(struct making *making, struct export *place, struct export_reply *out,
                 struct fault *fault)
{
    uint64_t octets;
    OWNED(fd) int file = -1;

    if (copy_data(making, fault)) {
        file = workspace_file(&making->sandbox->workspace, fault);
        if (file >= 0 && write_archive(making, file, &octets, fault))
            return answer(making, place, &file, octets, out, fault);
    }
    exports_give(making->sandbox->exports, place);
    return false;
}

static void clean_up(struct making *making)
{
    struct fault ignored;

    if (*making->copy)
        (void) workspace_discard(&making->sandbox->workspace, making->app, making->copy, &ignored);
    sweeper_wake(making->sandbox->sweeper);     /* a copy that failed lies there already */
    fd_drop(&making->app);
}

bool sandbox_pack(struct sandbox *self, const struct pack_request *request, int64_t deadline_ms,
                  struct arena *arena, struct export_reply *out, struct fault *fault)
{
    struct making *making = arena_take(arena, sizeof *making);

    if (!making)
        return fault_set(fault, FAULT_internal, "no memory to export an app");
    making->sandbox = self;
    making->request = request;
    making->arena = arena;
    making->at_ms = clock_wall_ms();
    making->deadline_ms = deadline_ms;
    making->app = -1;
    if (!text_is_app_id(request->app->id) ||
        !text_to_string(request->app->id, making->app_id, sizeof making->app_id))
        return fault_set(fault, FAULT_malformed, "Invalid appId format");
    struct export *place = exports_take(self->exports, request->user, fault);
    if (!place)
        return false;
    bool made = make(making, place, out, fault);
    clean_up(making);
    return made;
}
