/* Makes calls of the C library fail on purpose, in a process that was started with it in LD_PRELOAD.
 *
 * Calls that touch paths below one folder are counted, and one of them fails as it is told.  Allocations and starts of
 * threads are counted while they are watched, and one of them, or all from it on, fails.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { MOST_FILES = 4096, SHORT_WRITE = -1 };

static char folder[4096];           /* empty: no path is watched */
static char watched[MOST_FILES];    /* handles of files below it */
static int n_calls, failing = -1, how;
static char failed[64];             /* the name of the call that has failed */

void interposer_watch(const char *path, int nth, int error)
{
    strncpy(folder, path, sizeof folder - 1);
    memset(watched, 0, sizeof watched);
    n_calls = 0;
    failing = nth;
    how = error;
    failed[0] = 0;
}

int interposer_calls(void) { return n_calls; }
const char *interposer_failed(void) { return failed; }

static int is_below(const char *path)
{
    size_t n = strlen(folder);
    return n > 0 && path != NULL && strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == 0);
}

/* Whether this call is the one that fails; it is counted. */
static int fails(const char *name)
{
    if (n_calls++ != failing)
        return 0;
    strncpy(failed, name, sizeof failed - 1);
    if (how != SHORT_WRITE)
        errno = how;
    return 1;
}

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define FAILS(name) (fails(name) && how != SHORT_WRITE)

static int note(int handle, int below)
{
    if (handle >= 0 && handle < MOST_FILES)
        watched[handle] = (char)below;
    return handle;
}

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...)                                                                        \
    {                                                                                                                  \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = va_arg(rest, mode_t);                                                                            \
        va_end(rest);                                                                                                  \
        REAL(name);                                                                                                    \
        int below = is_below(path);                                                                                    \
        return below && FAILS("open") ? -1 : note(real(path, flags, mode), below);                                    \
    }
OPEN(open)
OPEN(open64)

#define OF_HANDLE(name)                                                                                                \
    int name(int handle)                                                                                               \
    {                                                                                                                  \
        REAL(name);                                                                                                    \
        int below = handle >= 0 && handle < MOST_FILES && watched[handle];                                            \
        return below && FAILS(#name) ? -1 : real(handle);                                                             \
    }
OF_HANDLE(fsync)
OF_HANDLE(fdatasync)

int close(int handle)
{
    REAL(close);
    int below = handle >= 0 && handle < MOST_FILES && watched[handle];
    if (below)
        watched[handle] = 0;
    int fail = below && FAILS("close");
    int result = real(handle);      /* a handle is closed whatever close says */
    if (fail)
        errno = how;
    return fail ? -1 : result;
}

ssize_t write(int handle, const void *bytes, size_t n)
{
    REAL(write);
    if (handle >= 0 && handle < MOST_FILES && watched[handle] && fails("write")) {
        if (how != SHORT_WRITE)
            return -1;
        n = (n + 1) / 2;
    }
    return real(handle, bytes, n);
}

int rename(const char *from, const char *to)
{
    REAL(rename);
    return is_below(to) && FAILS("rename") ? -1 : real(from, to);
}

int chmod(const char *path, mode_t mode)
{
    REAL(chmod);
    return is_below(path) && FAILS("chmod") ? -1 : real(path, mode);
}

/* Allocations and threads. */

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t),
    *__libc_memalign(size_t, size_t);
static long n_allocations, failing_allocation = -1;
static int n_threads, failing_thread = -1, all_from_there;
static __thread int counting;       /* of this thread alone: CPython waits for ever for a thread that cannot begin */

void interposer_allocations(long nth, int on)
{
    if (on)
        n_allocations = 0;
    failing_allocation = nth;
    counting = on;
}

long interposer_allocated(void) { return n_allocations; }

void interposer_threads(int nth, int and_all_after)
{
    n_threads = 0;
    failing_thread = nth;
    all_from_there = and_all_after;
}

int interposer_started(void) { return n_threads; }

static int out_of_memory(void)
{
    if (!counting || __atomic_fetch_add(&n_allocations, 1, __ATOMIC_RELAXED) != failing_allocation)
        return 0;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t n) { return out_of_memory() ? NULL : __libc_malloc(n); }
void *calloc(size_t n, size_t size) { return out_of_memory() ? NULL : __libc_calloc(n, size); }
void *realloc(void *old, size_t n) { return out_of_memory() ? NULL : __libc_realloc(old, n); }
void *aligned_alloc(size_t to, size_t n) { return out_of_memory() ? NULL : __libc_memalign(to, n); }
void *memalign(size_t to, size_t n) { return out_of_memory() ? NULL : __libc_memalign(to, n); }

int posix_memalign(void **out, size_t to, size_t n)
{
    if (out_of_memory())
        return ENOMEM;
    *out = __libc_memalign(to, n);
    return *out == NULL ? ENOMEM : 0;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *how_to, void *(*run)(void *), void *argument)
{
    REAL(pthread_create);
    int number = n_threads++;
    if (failing_thread >= 0 && (number == failing_thread || (all_from_there && number > failing_thread)))
        return EAGAIN;
    return real(thread, how_to, run, argument);
}
