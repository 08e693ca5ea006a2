/* base/team.c: rounds of exchanges, and how a rank that fails alone is heard by all (see fslens/base.h). */
#include "fslens/base.h"

#include <string.h>

const fsl_team fsl_team_solo = {.rank = 0, .size = 1};

/* Both sides cover different ranks, so that the counts add up. */
static fsl_trouble together(fsl_trouble a, fsl_trouble b) {
  const bool first = a.status > b.status || (a.status == b.status && a.rank < b.rank);
  fsl_trouble both = first ? a : b;
  both.ranks = a.ranks + b.ranks;
  return both;
}

fsl_round fsl_round_begin(const fsl_ctx *ctx, fsl_status status) {
  return (fsl_round){.trouble = {(int)status, ctx->team->rank, status != FSL_OK}};
}

bool fsl_round_step(const fsl_ctx *ctx, fsl_round *round, int bit, size_t n, const double *send, double *recv) {
  const fsl_team *const team = ctx->team;
  fsl_trouble theirs = {0};
  if (ctx->known != FSL_OK) return false;
  const fsl_status status = team->exchange(team->self, team->rank ^ bit, round->trouble, &theirs, n, send, recv);
  const bool came = status == FSL_OK && round->trouble.status == FSL_OK && theirs.status == FSL_OK;
  if (round->found == FSL_OK) round->found = status;
  round->trouble = together(round->trouble, theirs);
  return came;
}

/* The text of one rank goes to all, as the bytes of doubles: a round of which nobody is in trouble. */
static void share_text(fsl_ctx *ctx, int from) {
  enum { N = sizeof ctx->error / sizeof(double) };
  const fsl_team *const team = ctx->team;
  double text[N] = {0}, theirs[N];
  if (team->rank == from) memcpy(text, ctx->error, sizeof text);
  for (int bit = 1; bit < team->size; bit *= 2) {
    fsl_trouble none = {0};
    const int partner = team->rank ^ bit;
    const fsl_status status = team->exchange(team->self, partner, (fsl_trouble){0}, &none, N, text, theirs);
    if (status == FSL_OK && partner / bit == from / bit) memcpy(text, theirs, sizeof text);
  }
  memcpy(ctx->error, text, sizeof text);
  ctx->error[sizeof ctx->error - 1] = '\0';
}

fsl_status fsl_round_end(fsl_ctx *ctx, const fsl_round *round) {
  const fsl_trouble trouble = round->trouble;
  const fsl_status status = (fsl_status)trouble.status;
  if (ctx->known != FSL_OK) return ctx->known;
  if (status == FSL_OK && round->found != FSL_OK) return fsl_fail(ctx, round->found, "an exchange of the group failed");
  if (status == FSL_OK) return FSL_OK;
  ctx->known = status;
  share_text(ctx, trouble.rank);
  return trouble.ranks == ctx->team->size ? status : fsl_while(ctx, status, "rank %d of the group", trouble.rank);
}

fsl_status fsl_team_agree(fsl_ctx *ctx, fsl_status status) {
  fsl_round round = fsl_round_begin(ctx, status);
  if (ctx->team->size == 1) return status;
  for (int bit = 1; bit < ctx->team->size; bit *= 2) fsl_round_step(ctx, &round, bit, 0, NULL, NULL);
  return fsl_round_end(ctx, &round);
}
