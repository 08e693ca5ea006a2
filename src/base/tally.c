/* base/tally.c: see tally.h. */
#include "base/tally.h"

#include <ctype.h>
#include <stdio.h>

/* Over the digits of a number. */
static const char *skip_number(const char *text) {
  while (isdigit((unsigned char)*text) || (*text == '.' && isdigit((unsigned char)text[1]))) text++;
  return text;
}

/* As far as the kept text goes. */
static bool say_the_same(const char *kept, const char *text, size_t size) {
  const char *const end = kept + size - 1;
  while (*kept != '\0' && *text != '\0') {
    const bool number = isdigit((unsigned char)*kept) != 0;
    if (number != (isdigit((unsigned char)*text) != 0) || (!number && *kept != *text)) return false;
    kept = number ? skip_number(kept) : kept + 1;
    text = number ? skip_number(text) : text + 1;
  }
  return *kept == *text || kept == end;
}

bool fsl_tally_add(fsl_tally *t, const char *text, const char *where) {
  for (size_t i = 0; i < t->n; i++)
    if (say_the_same(t->reason[i].text, text, sizeof t->reason[i].text)) {
      t->reason[i].count++;
      return false;
    }
  if (t->n == FSL_MOST_TALLIED) {
    t->others++;
    return false;
  }
  snprintf(t->reason[t->n].text, sizeof t->reason[t->n].text, "%s", text);
  snprintf(t->reason[t->n].where, sizeof t->reason[t->n].where, "%s", where);
  t->reason[t->n++].count = 1;
  return true;
}
