/* approximation/bridge.c: the Gaussian bridge of a diffusion, used by exact chains and by the exponential sampler. */
#include "approximation/bridge.h"

#include <math.h>

fsl_bridge fsl_bridge_between(const fsl_diffusion *diffusion, double t, double s) {
  const double a_t = diffusion->a(diffusion, t), a_s = diffusion->a(diffusion, s);
  const double v_t = diffusion->v(diffusion, t), v_s = diffusion->v(diffusion, s);
  const double a_ts = a_t / a_s;
  const double v_ts = fmax(v_t - a_ts * a_ts * v_s, 0);
  return (fsl_bridge){a_ts * v_s / v_t, a_s * v_ts / v_t, sqrt(v_s * v_ts / v_t)};
}

/* Multiples of the golden ratio's fraction: any two purposes differ in about half of the bits of a word. */
fsl_key fsl_key_for(fsl_key key, fsl_purpose purpose) {
  key.word[1] ^= 0x9E3779B9u * (uint32_t)purpose;
  return key;
}
