/* SPDX-License-Identifier: Apache-2.0
 *
 * Template: a row of the table of conversions. Included by convert.c, with
 *   ROW     its suffix, and
 *   TARGET  the function attribute that allows its instructions */
#define NAME_OF(name, row)  name##_##row
#define NAME_FOR(name, row) NAME_OF(name, row)
#define NAME(name)          NAME_FOR(name, ROW)
#define TEXT_OF(row)        #row
#define TEXT(row)           TEXT_OF(row)

TARGET static void NAME(load_float)(const void *from, int64_t count, double *to)
{
    for (int64_t i = 0; i < count; i++) {
        float element;
        memcpy(&element, (const char *)from + i * (int64_t)sizeof element, sizeof element);
        to[i] = (double)element;
    }
}

TARGET static void NAME(store_float)(const double *from, int64_t count, void *to)
{
    for (int64_t i = 0; i < count; i++) {
        float element = (float)from[i];
        memcpy((char *)to + i * (int64_t)sizeof element, &element, sizeof element);
    }
}

#define SMALL(code_type, bits)                                                                                       \
    TARGET SELDOM static void NAME(load_small##bits)(const struct format *given, const void *from, int64_t count,    \
                                                     double *to)                                                     \
    {                                                                                                                \
        const struct format format = *given;                                                                         \
        for (int64_t i = 0; i < count; i++) {                                                                        \
            code_type code;                                                                                          \
            memcpy(&code, (const char *)from + i * (int64_t)sizeof code, sizeof code);                               \
            to[i] = decode(&format, code);                                                                           \
        }                                                                                                            \
    }                                                                                                                \
                                                                                                                     \
    TARGET SELDOM static void NAME(store_small##bits)(const struct format *given, const double *from, int64_t count, \
                                                      void *to)                                                      \
    {                                                                                                                \
        const struct format format = *given;                                                                         \
        for (int64_t i = 0; i < count; i++) {                                                                        \
            code_type code = (code_type)encode(&format, from[i]);                                                    \
            memcpy((char *)to + i * (int64_t)sizeof code, &code, sizeof code);                                       \
        }                                                                                                            \
    }
SMALL(uint16_t, 16)
SMALL(uint8_t, 8)
#undef SMALL

#define ANY_ABOVE(code_type, bits)                                                                   \
    TARGET SELDOM static bool NAME(any_above##bits)(const void *codes, int64_t count, code_type top) \
    {                                                                                                \
        code_type above = 0;                                                                         \
        for (int64_t i = 0; i < count; i++) {                                                        \
            code_type code;                                                                          \
            memcpy(&code, (const char *)codes + i * (int64_t)sizeof code, sizeof code);              \
            above |= (code_type)((code & (code_type)((code_type)-1 >> 1)) > top);                    \
        }                                                                                            \
        return above;                                                                                \
    }
ANY_ABOVE(uint16_t, 16)
ANY_ABOVE(uint32_t, 32)
#undef ANY_ABOVE

TARGET SELDOM static void NAME(scale)(double factor, int64_t count, double *values)
{
    for (int64_t i = 0; i < count; i++) values[i] *= factor;
}

TARGET SELDOM static void NAME(scale_each)(const double *factors, int64_t count, double *values)
{
    for (int64_t i = 0; i < count; i++) values[i] *= factors[i];
}

#define SCALE_FLOAT(name, parameter, factor)                                                    \
    TARGET static void NAME(name)(parameter, const void *from, int64_t count, void *to)         \
    {                                                                                           \
        for (int64_t i = 0; i < count; i++) {                                                   \
            float element;                                                                      \
            memcpy(&element, (const char *)from + i * (int64_t)sizeof element, sizeof element); \
            element = (float)((double)element * (factor));                                      \
            memcpy((char *)to + i * (int64_t)sizeof element, &element, sizeof element);         \
        }                                                                                       \
    }
SCALE_FLOAT(scale_float, double factor, factor)
SCALE_FLOAT(scale_float_each, const double *factors, factors[i])
#undef SCALE_FLOAT

static const struct convert NAME(convert) = {
    .name = TEXT(ROW),
    .load_float = NAME(load_float),
    .store_float = NAME(store_float),
    .load_small16 = NAME(load_small16),
    .store_small16 = NAME(store_small16),
    .load_small8 = NAME(load_small8),
    .store_small8 = NAME(store_small8),
    .any_above16 = NAME(any_above16),
    .any_above32 = NAME(any_above32),
    .scale = NAME(scale),
    .scale_each = NAME(scale_each),
    .scale_float = NAME(scale_float),
    .scale_float_each = NAME(scale_float_each),
};

#undef NAME_OF
#undef NAME_FOR
#undef NAME
#undef TEXT_OF
#undef TEXT
#undef ROW
#undef TARGET
