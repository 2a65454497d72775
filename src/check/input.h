/* SPDX-License-Identifier: Apache-2.0
 *
 * Random inputs that a model can take: dims where the model leaves them open, whole numbers within what their readers
 * can index, real numbers around zero. The same seed gives the same data on every machine: sums of uniform numbers
 * stand in for normal ones, so that no libm is asked.
 *
 * Used for the inputs of the graph, and for the inputs of a site where no reference run can supply them. */
#ifndef CHECK_INPUT_H
#define CHECK_INPUT_H

#include "check/check.h"

/* What open dims become. A model may refuse one guess and take the next. */
struct guess {
    int64_t batch;  /* axis 0 of rank 2 and more */
    int64_t image;  /* the spatial axes of images, three channels or fewer */
    int64_t map;    /* the spatial axes of anything else */
    int64_t length; /* sequences and the rest */
};

extern const struct guess guesses[];
extern const size_t guess_count;

/* One draw of inputs: which numbers. */
enum draw_form { DRAW_NORMAL, DRAW_UNIFORM, DRAW_POSITIVE, DRAW_SPARSE, DRAW_CONSTANT };
struct draw {
    const char *name;
    enum draw_form form;
    double scale;       /* of real numbers */
    int64_t rounds;     /* of a Loop whose trip count is an input */
    bool is_native;     /* run in the models' own types as well */
    bool is_other_size; /* open dims become something else than usual */
    bool is_anything; /* real numbers also where a reader (Log, Sqrt) makes NaN of them, whole ones that are no flags */
};

enum { MOST_DRAWS_BEYOND = 6 };

/* Which dims become smaller than the model has them: a site can be proven on small tensors. By its footprint, those of
 * images (rank 4 and more) but their channels; or those that nothing pins. And without one, to CLIPPED: all but axis 1
 * or the last one, which may hold channels; or rows alone, when there are many. */
enum clip { CLIP_NONE, CLIP_IMAGES, CLIP_UNPINNED, CLIP_BUT_SECOND, CLIP_BUT_LAST, CLIP_ROWS };
#define CLIPPED   16
#define MANY_ROWS 64

struct chooser {
    struct arena *arena;
    const struct check_options *options;
    const struct guess *guess;
    const struct draw *draw;
    enum clip clip;
    const struct footprint *footprint; /* of CLIP_IMAGES and CLIP_UNPINNED */
    bool clipped;                      /* a dim became smaller */
    bool guessed;                      /* a dim was open, so that another guess may do better */
    int beyond;                        /* so many draws of anything would give other numbers */
    const struct value *other;         /* of another model, which is fed the same; NULL: none */
    bool invents;                      /* guess the unknowns that a dim is computed from, not the dim */
    bool computed;                     /* a guessed dim is computed from unknowns */
    int64_t invented;                  /* what an unknown becomes; 0: nothing. Private to input.c */
    const struct symbols *terms;       /* what the symbols of dims stand for; NULL: not known */
    struct pointer_map
        *unlimited;           /* values that no reader indexes or sizes by, as far as asked; NULL: not remembered */
    struct pointer_map sizes; /* of symbols and unknowns so far */
};

/* `symbols` of the net whose values are chosen. */
void chooser_open(struct chooser *chooser, struct arena *arena, const struct check_options *options,
                  const struct symbols *symbols, const struct guess *guess);

/* The value has these dims: what has a symbol with it has them too. */
void chooser_learn(struct chooser *chooser, const struct value *value, int rank, const int64_t *dims);
/* Normal numbers; those of one seed and name are always the same. */
void random_normal(double *numbers, int64_t count, uint64_t seed, const char *name);

/* Random data for the value. False (BNFUSE_UNSUPPORTED, naming it) when its type is unknown or no tensor. */
bool choose_input(struct chooser *chooser, struct datum *datum, struct value *value, struct bnfuse_error *error);
/* The data given for this name, or NULL. */
const struct datum *find_datum(const struct input_set *set, const char *name);
/* x float32 [2, 3, 224, 224] */
const char *describe_input(struct arena *arena, const char *name, const struct datum *datum);

#endif
