/* SPDX-License-Identifier: Apache-2.0
 *
 * The program: parse, do, and end with the documented status. */
#include "cli/commands.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* A write that has no reader, or goes beyond the limit on the size of files, then returns an error. A signal instead
 * would end the program and leave half a file behind. */
static void turn_signals_into_errors(void)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

/* A descriptor that the caller closed would be given to the next file that is opened, and what is printed would go
 * there. Opened the wrong way round, its use remains an error. */
static void fill_closed_streams(void)
{
    static const int modes[] = { O_WRONLY, O_RDONLY, O_RDONLY };
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd]) < 0) return;
}

/* What the program says of itself, if that was asked. */
static bool print_about(const struct settings *settings, bnfuse_error *error)
{
    if (settings->help) return print_help(settings->command, stdout);
    if (settings->version) return printf("bnfuse %s\n", bnfuse_version()) > 0;
    if (settings->man) return print_man(stdout);
    return print_completions(settings->completions, stdout, error);
}

int main(int argc, char **argv)
{
    struct settings settings;
    bnfuse_error error = { .status = BNFUSE_USAGE, .message = "standard output: cannot be written" };
    bnfuse_status status = BNFUSE_OK;
    char buffer[BUFSIZ]; /* the stream's own would take memory, and do without when there is none */
    fill_closed_streams();
    setvbuf(stdout, buffer, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF, sizeof buffer);
    turn_signals_into_errors();
    bool parsed = settings_parse(&settings, argc, argv, &error);
    bool about = parsed && (settings.help || settings.version || settings.man || settings.completions);
    if (parsed && !about) status = command_run(&settings);
    if (!parsed) status = command_refuse(&settings, &error);
    if (about && !(print_about(&settings, &error) && fflush(stdout) == 0) && !reader_is_gone()) {
        fprintf(stderr, "bnfuse: %s\n", error.message);
        status = error.status;
    }
    settings_free(&settings);
    exit((int)status); /* not return: the buffer stays until the stream is closed */
}
