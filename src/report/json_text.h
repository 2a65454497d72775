/* SPDX-License-Identifier: Apache-2.0
 *
 * What every report in JSON needs. */
#ifndef REPORT_JSON_TEXT_H
#define REPORT_JSON_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* A string as the model has it; escaped where it is no valid UTF-8; null for NULL. */
json_t *json_text(const char *from);
/* The same of the first `length` bytes, 511 at most. */
json_t *json_part(const char *from, size_t length);
/* null where it is not finite. */
json_t *json_number(double value);
/* Adds a member, or an element. What cannot be added, or could not be made, takes the whole with it: *to is NULL from
 * then on, so that a report is whole or none. */
void json_put(json_t **to, const char *key, json_t *value);
void json_append(json_t **to, json_t *value);
#define SCHEMA_VERSION 2 /* of docs/report.schema.json */

struct run_report;
/* All that is known of a run; NULL when there is no memory. */
json_t *run_object(const struct run_report *run);

/* Indented (or one line), with a line end, in ASCII, so that no string moves a terminal's cursor or turns its text
 * round, and with no ##[command] or ##vso[command] for a CI in any; releases `root`. False when there is no memory or
 * the stream refused a byte. */
bool json_print(json_t *root, FILE *to);
bool json_print_line(json_t *root, FILE *to);

#endif
