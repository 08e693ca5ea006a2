/* runner/signals.c: the one place where a signal becomes a flag. */
#include "runner/signals.h"

#include <stddef.h>
#include <unistd.h>

/* A signal handler can reach nothing but a global: this flag is the program's only mutable one. */
static volatile sig_atomic_t stop_asked;

static void on_signal(int signal_number) {
  if (signal_number == SIGINT && stop_asked) _exit(128 + SIGINT);
  stop_asked = 1;
}

void fsl_signals_install(void) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  sigaction(SIGUSR1, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
  signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is a write that fails, as on a full disk */
}

const volatile sig_atomic_t *fsl_signals_stop(void) {
  return &stop_asked;
}
