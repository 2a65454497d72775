/* SPDX-License-Identifier: Apache-2.0
 *
 * The fused model against the new file as it was read back. The writer has held their elements against each other; here
 * both run, in their own types, and have to give the same bits. */
#include "check/check.h"
#include "check/measure.h"
#include "check/part.h"
#include "check/session.h"

static const struct draw normal = { .name = "normal", .scale = 1, .rounds = 2 };

static bool same_bits(struct session *session, struct array *const *a, struct array *const *b,
                      struct bnfuse_error *error)
{
    const struct graph *graph = session->before.net->main;
    for (size_t i = 0; i < graph->output_count; i++)
        if (!same_elements(a[i], b[i]))
            return fail(error, BNFUSE_INTERNAL,
                        "output \"%s\" of the file as written, read back and run, is not what was checked; nothing was "
                        "written",
                        graph->outputs[i]->name);
    return true;
}

/* *ran: both models took the inputs. */
static bool run_pair(struct session *session, bool *ran, struct bnfuse_error *error)
{
    size_t count = session->before.net->main->output_count;
    struct array **a = NEW_ARRAY(&session->data, struct array *, count);
    struct array **b = NEW_ARRAY(&session->data, struct array *, count);
    bool good = session_run(session, &session->before, NATIVE, 0, NULL, a, error)
                && session_run(session, &session->after, NATIVE, 0, NULL, b, error);
    *ran = good;
    good = good && same_bits(session, a, b, error);
    arrays_drop(a, count);
    arrays_drop(b, count);
    return good;
}

static bool run_set(struct session *session, struct bnfuse_error *error)
{
    bool guessed = true, ran = false, good = false;
    struct bnfuse_error why = { .status = BNFUSE_OK };
    for (size_t i = 0; i < guess_count && guessed && !ran; i++) {
        if (!session_feed(session, &guesses[i], &normal, &guessed, error)) return false;
        good = run_pair(session, &ran, &why);
        if (!good && is_fatal(&why)) break;
    }
    return good || pass_error(error, &why);
}

bool check_read_back(const struct net *fused, const struct net *written, const struct check_options *options,
                     struct bnfuse_error *error)
{
    struct session *session = session_open(fused->arena, fused, written, options);
    size_t sets = options->sets.count ? options->sets.count : 1;
    bool good = session_accepts(session, error) && session_plan(session, error);
    session->runs_planned = 2 * sets;
    for (size_t i = 0; i < sets && good; i++) good = session_take(session, i, error) && run_set(session, error);
    session_close(session);
    return good;
}
