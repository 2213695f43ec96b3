#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// timer_create(2) for one thread and sigaction(2): both need macros and unions that Swift does not import.

typedef struct {
    timer_t timer;
} everline_yielding_timer;

static void everline_yield(int number) {
    (void)number;
    sched_yield();
}

// Makes a timer, stopped as yet, that interrupts the calling thread with SIGURG, upon which it yields (sched_yield(2)). By default that signal is ignored, so
// that a late one harms nothing; Go's runtime interrupts its threads with it for the same reason. Returns 0, or -1 with errno set.
static inline int everline_yielding_timer_make(everline_yielding_timer *made) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = everline_yield;
    action.sa_flags = SA_RESTART;
    if (sigaction(SIGURG, &action, NULL) != 0) return -1;
    // Foundation's threads block all signals.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGURG);
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
    struct sigevent event;
    memset(&event, 0, sizeof event);
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGURG;
    event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
    return timer_create(CLOCK_MONOTONIC, &event, &made->timer);
}

// Starts it, to go off each so many nanoseconds (below a second); 0 stops it.
static inline void everline_yielding_timer_set(const everline_yielding_timer *timer, long nanoseconds) {
    struct itimerspec every = {{0, nanoseconds}, {0, nanoseconds}};
    timer_settime(timer->timer, 0, &every, NULL);
}

static inline void everline_yielding_timer_delete(const everline_yielding_timer *timer) { timer_delete(timer->timer); }
