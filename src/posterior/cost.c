/* cost.c: see cost.h. A pass over the atoms takes for each pair of a state and an atom a time that is linear in the
 * dimensions, and something per state; the tables hold nanoseconds as measured (uniform schedule, t from 1 to .02,
 * N from 64 to 32768, d from 1 to 784, m from 1 to 784; worst deviation 1.35). */
#include "posterior/cost.h"

#include <math.h>

#include "posterior/internal.h"
#include "posterior/law.h"
#include "posterior/tree.h"

/* ns of a pair: an exponential and bookkeeping, and each dimension. */
typedef struct line {
  double one, axis;
} line;

enum { NARROW, WIDE, SINGLE, KERNELS }; /* d < FSL_WIDE; from there on; in single precision */

static const line mean[KERNELS] = {{0.46, 0.048}, {0.85, 0.057}, {0.22, 0.038}};
static const line means[KERNELS] = {{0.50, 0.069}, {1.3, 0.078}, {0.25, 0.055}}; /* prior and posterior */
static const line product[KERNELS] = {{0.56, 0.05}, {0.8, 0.085}, {0.3, 0.039}}; /* and as much per measurement: */
static const double inner[KERNELS] = {0.05, 0.045, 0.039};
static const line spread = {0.62, 0.045}; /* distances, and each of the m (m + 1)/2 products: */
static const double spread_product = 0.05, spread_far = 0.065;
static const double cached_products = 4096; /* with more of them the sums leave the cache */
static const line joint = {0.6, 0.05};      /* distances, and each of the d m products: */
static const double joint_product = 0.037;

static const double state_ns = 20, state_axis = 4;  /* a state of a pass: packing, merging */
static const double frame_axis = 4;                 /* and of a mixture: into a frame and out of it */
static const double unpack_ns = 4;                  /* an entry of a state's (m, m) matrix */
static const double multiply_ns = 0.3;              /* in a product of a small matrix and a vector */
static const double matrices_ns = 0.1;              /* in products of matrices */
static const double forward_ns = 0.6;               /* in a forward model's value, whose matrix is out of the cache */
static const double random_ns = 40, normal_ns = 23; /* a draw; each dimension of a draw of a mixture: two normals */
static const double weight_ns = 0.0025;             /* a component's weight, once in the thousands of draws of a call */
static const line large = {2, 0.025};               /* a component of a large law, where few count at a state */
static const double group_ns = 25;                  /* a state in the frame of one more covariance */
static const double mode_ns = 5.5, free_modes = 24; /* each mode beyond the first so many, kept in registers */

/* The moment tree in d = 1, 2, 3: ns of a state at 1e4 atoms on each side, how they grow, an atom's when it is built.
 */
static const struct {
  double state, power, atom;
} tree[] = {{0, 0, 0}, {65, 0.02, 260}, {550, 0.2, 2200}, {2600, 0.8, 2500}};

fsl_posterior_size fsl_posterior_size_of(const fsl_prior *prior, const fsl_forward_model *model, double n_train,
                                         const fsl_posterior_setting *setting) {
  const fsl_posterior_setting chosen = setting == NULL ? FSL_POSTERIOR_DEFAULT : *setting;
  const bool drawn = isfinite(n_train), atomic = drawn || fsl_mixture_is_atomic(&prior->population);
  const fsl_law_size population = fsl_law_size_of(&prior->population);
  return (fsl_posterior_size){.atoms = drawn ? n_train : population.components,
                              .groups = atomic ? 0 : population.groups,
                              .rotated = population.rotated,
                              .d = (double)prior->d,
                              .m = (double)model->m,
                              .linear = model->linear,
                              .forward = fsl_forward_multiplications(model),
                              .drawn = drawn,
                              .single = chosen.single && atomic,
                              .tolerance = atomic ? chosen.tolerance : 0};
}

double fsl_forward_multiplications(const fsl_forward_model *model) {
  return (double)(model->dense ? model->m * model->d : model->m + model->d);
}

static bool has_tree(const fsl_posterior_size *s) {
  return fsl_tree_pays((uint64_t)s->atoms, (size_t)s->d, s->tolerance);
}

static int kernel_of(const fsl_posterior_size *s) {
  return s->single ? SINGLE : s->d < FSL_WIDE ? NARROW : WIDE;
}

static double at(line l, double d) {
  return l.one + l.axis * d;
}

/* One side of one state. */
static double tree_ns(const fsl_posterior_size *s) {
  return tree[(size_t)s->d].state * pow(s->atoms / 1e4, tree[(size_t)s->d].power);
}

/* What a state takes beside its pairs, in a pass over atoms or over a mixture's groups; vectors: how many of them enter
 * and leave a group's frame. */
static double around_ns(const fsl_posterior_size *s, double vectors, bool rotated) {
  const double once = state_ns + state_axis * s->d;
  if (s->groups == 0) return once;
  return s->groups * (group_ns + once + frame_axis * s->d + (rotated ? vectors * multiply_ns * s->d * s->d : 0));
}

/* ---- the posterior ----------------------------------------------------------------------------------------------- */

double fsl_means_seconds(const fsl_posterior_size *s, bool posterior) {
  const int kernel = kernel_of(s);
  if (has_tree(s)) return 1e-9 * (posterior ? 2 : 1.6) * tree_ns(s);
  const double prior = s->atoms * at(mean[kernel], s->d) + around_ns(s, 2, s->rotated);
  if (!posterior) return 1e-9 * prior;
  if (s->groups == 0) return 1e-9 * (s->atoms * at(means[kernel], s->d) + around_ns(s, 2, false));
  return s->linear ? 1e-9 * (prior + s->atoms * at(mean[kernel], s->d) + around_ns(s, 2, s->d > 1)) : 1e-9 * prior;
}

/* A pass that projects q numbers of every atom. */
static double product_ns(const fsl_posterior_size *s, int kernel, double q) {
  return s->atoms * (at(product[kernel], s->d) + inner[kernel] * q) + around_ns(s, 4, s->rotated);
}

double fsl_product_seconds(const fsl_posterior_size *s) {
  const bool measured = s->linear && s->m < s->d && s->groups == 0 && !s->single;
  if (has_tree(s)) return 2e-9 * tree_ns(s);
  return 1e-9 * product_ns(s, kernel_of(s), measured ? s->m : s->d);
}

/* Tree and single precision know of x0 alone. */
double fsl_cross_seconds(const fsl_posterior_size *s) {
  if (s->linear) return fsl_product_seconds(s);
  return 1e-9 * product_ns(s, s->d < FSL_WIDE ? NARROW : WIDE, s->m);
}

double fsl_spread_seconds(const fsl_posterior_size *s) {
  const double products = s->m * (s->m + 1) / 2;
  const double each = products > cached_products ? spread_far : spread_product;
  const double expected = s->linear ? 0 : s->atoms * at(mean[NARROW], s->d + s->m) + around_ns(s, 0, false);
  if (has_tree(s) && s->linear) return 2e-9 * tree_ns(s);
  return 1e-9 * (expected + s->atoms * (at(spread, s->d) + each * products) + unpack_ns * s->m * s->m +
                 around_ns(s, 2, s->rotated) + s->groups * multiply_ns * s->m * s->d);
}

double fsl_joint_seconds(const fsl_posterior_size *s) {
  if (s->groups > 0 || !s->linear || !(has_tree(s) || fsl_joint_pays((size_t)s->d, (size_t)s->m)))
    return fsl_spread_seconds(s) + fsl_product_seconds(s);
  if (has_tree(s)) return 2e-9 * tree_ns(s);
  return 1e-9 * (s->atoms * (at(joint, s->d) + joint_product * s->d * s->m) + unpack_ns * s->m * s->m +
                 multiply_ns * s->m * s->forward + around_ns(s, 0, false));
}

/* Conditioning: a singular value decomposition for each covariance, two where it has eigenvectors of its own, and
 * products of matrices for all its components. */
static double conditioning_ns(const fsl_posterior_size *s) {
  const double again = s->rotated ? 0.5 * s->d * s->d * s->d : 0;
  if (!s->linear) return 0;
  return s->groups * (s->d * s->d * (9 + 0.35 * s->m) + 0.05 * s->m * s->m * s->m + again) +
         s->atoms * matrices_ns * s->m * (s->m + 2 * s->d);
}

double fsl_posterior_seconds(const fsl_posterior_size *s) {
  if (s->groups > 0) return 1e-9 * conditioning_ns(s);
  const double draw = s->drawn ? random_ns + normal_ns * s->d : 0;
  return 1e-9 * s->atoms *
         (draw + state_ns + state_axis * s->d + forward_ns * s->forward + (has_tree(s) ? tree[(size_t)s->d].atom : 0));
}

double fsl_posterior_draw_seconds(const fsl_posterior_size *s) {
  const double rotation = s->groups > 0 && s->linear && s->d > 1 ? 0.12 * s->d * s->d : 0;
  return 1e-9 * (random_ns + normal_ns * s->d + rotation);
}

/* No tree: the sums of every leaf, and those of the chosen one again. */
double fsl_posterior_redraw_seconds(const fsl_posterior_size *s) {
  const double pick = 1.3 * s->atoms * at(mean[s->d < FSL_WIDE ? NARROW : WIDE], s->d);
  return 1e-9 * (pick + around_ns(s, 2, s->d > 1)) + fsl_posterior_draw_seconds(s);
}

/* ---- laws -------------------------------------------------------------------------------------------------------- */

fsl_law_size fsl_law_size_of(const fsl_mixture *law) {
  fsl_law_size size = {.components = (double)law->n,
                       .groups = (double)law->n_covariances,
                       .modes = (double)law->n_modes,
                       .d = (double)law->d};
  for (size_t c = 0; c < law->n_covariances; ++c) size.rotated = size.rotated || law->covariance[c].vectors != NULL;
  return size;
}

static double law_ns(const fsl_law_size *s) {
  const double turn = s->rotated ? multiply_ns * s->d * s->d : 0;
  return s->components * at(fsl_law_is_large(s->components, s->d) ? large : mean[NARROW], s->d) +
         s->groups * (state_ns + state_axis * s->d + turn);
}

double fsl_law_density_seconds(const fsl_law_size *s) {
  return 1e-9 * law_ns(s);
}

double fsl_law_mode_seconds(const fsl_law_size *s) {
  return 1e-9 * (law_ns(s) + mode_ns * fmax(0, s->modes - free_modes));
}

double fsl_law_draw_seconds(const fsl_law_size *s) {
  return 1e-9 * (random_ns + normal_ns * s->d + (s->rotated ? 0.12 * s->d * s->d : 0) + weight_ns * s->components);
}
