/* commands/init.c: `fslens init`: a spec to start from on stdout, and what to do with it on stderr. */
#include "commands/commands.h"
#include "commands/options.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* clang-format off: the texts are YAML */
static const char quickstart[] =
    "name: quickstart\n"
    "seed: 1\n"
    "grid:                                    # every combination of these five lists is computed\n"
    "  prior:\n"
    "    - {name: three-atoms, kind: discrete, atoms: [[-1.8], [0.2], [2.2]]}\n"
    "    - {name: bumps, kind: gmm, weights: [0.4, 0.6], means: [[-1.0], [1.5]], covariances: [0.16, 0.36]}\n"
    "  forward_model:\n"
    "    - {name: direct, kind: identity}\n"
    "    - {name: magnitude, kind: abs}       # nonlinear: methods that need a linear model are skipped, and plan says "
    "so\n"
    "  noise_level: [0.3]\n"
    "  approximation: [fsr, sigma-dps, {kind: zeta-dps, zeta: 0.3}, pigdm, tmpd]\n"
    "  n_train: [64, 256, 1024, .inf]         # training samples that make the prior; .inf: the population\n"
    "replicates: 4                            # independent training sets: they give error bars\n"
    "sampler: {steps: 100, particles: 256}\n"
    "times: [0.2, 0.05]                       # where p(x_t | y) is measured; the smallest is where sampling stops\n";

static const char images[] =
    "name: images\n"
    "seed: 1\n"
    "grid:\n"
    "  prior:\n"
    "    # Images as rows of the dataset x in images.h5: (images, rows, columns), or flattened; labels become modes.\n"
    "    # With a bandwidth the prior is a kernel density estimate: truth has a closed form, and training sets are "
    "fresh draws.\n"
    "    - {name: images, kind: dataset, file: images.h5, labels: label, shape: [8, 8], bandwidth: 0.3}\n"
    "  forward_model:\n"
    "    - {name: inpainting, kind: inpainting, fraction: 0.5, seed: 1}    # half of the pixels, chosen at random\n"
    "    - {name: blur, kind: blur, width: 3, std: 0.8, shape: [8, 8]}\n"
    "    - {name: downsampling, kind: downsampling, factor: 2, shape: [8, 8]}\n"
    "  noise_level: [0.3]                       # standard deviation, in the units of the images\n"
    "  approximation: [fsr, sigma-dps, {kind: dps, zeta: 0.5}, pigdm, tmpd]\n"
    "  n_train: [256, 1024, .inf]               # training samples that make the prior; .inf: the population\n"
    "replicates: 2                              # independent training sets\n"
    "observations: {kind: simulated, count: 2}  # or {kind: fixed, y: y.csv}: your own measurements, one a row\n"
    "sampler: {steps: 200, particles: 256}      # more of both for figures: 500 and 2048\n"
    "times: [0.2, 0.1, 0.05]                    # where p(x_t | y) is measured; the smallest is where sampling stops\n"
    "metrics: [mean_error, spread_ratio, sliced_w1, mode_weight_tv]    # default: all\n"
    "output: {samples: none}                    # final: the images at the smallest time are kept\n"
    "budget: none                               # or {}: splits each error into its parts, at nine times the cost\n"
    "exclude: []                                # such as [{forward_model: blur, approximation: [dps]}]\n"
    "limits: {job_seconds: 3600}                # a job that takes longer is recorded as timed out\n";

static const char own_data[] =
    "name: ring\n"
    "seed: 1\n"
    "grid:\n"
    "  prior:\n"
    "    - {name: ring, kind: dataset, file: samples.npy, bandwidth: 0.1}   # a kernel density estimate: truth in "
    "closed form\n"
    "  forward_model:\n"
    "    - {name: sum, kind: linear, matrix: matrix.csv}\n"
    "  noise_level: [0.2]\n"
    "  approximation: [fsr, sigma-dps, {kind: zeta-dps, zeta: 0.3}, pigdm, tmpd]\n"
    "  n_train: [256, 1024, .inf]             # .inf: the population, with exact moments\n"
    "replicates: 2                            # independent training sets; at .inf independent runs\n"
    "observations: {kind: fixed, y: y.csv}    # or {kind: simulated, count: 4}: measurements of draws from the prior\n"
    "sampler: {steps: 100, particles: 256}\n"
    "times: [0.2, 0.05]                       # where p(x_t | y) is measured; the smallest is where sampling stops\n"
    "metrics: [mean_error, spread_ratio, sliced_w1]\n"
    "budget: none                             # or {}: splits each error into its parts, at nine times the cost\n";
/* clang-format on */

typedef struct example {
  const char *name, *help, *spec, *files; /* files: what it needs beside it; "" for nothing */
} example;

static const example examples[] = {
    {"quickstart", "two small priors, a linear and a nonlinear measurement; needs no files", quickstart, ""},
    {"images", "your images: inpainting, blur and downsampling", images,
     "put your images into images.h5: x (images, rows, columns) and label (images); give their size as 'shape'\n"
     "    (for a try copy experiments/data/digits.h5 of the source to images.h5)"},
    {"own-data", "your samples, your matrix and your measurements", own_data,
     "put your data beside it: samples.npy (samples, d), matrix.csv (m, d), y.csv (observations, m)"},
};

enum { N_EXAMPLES = sizeof examples / sizeof *examples };

static const fsl_usage usage = {
    .command = "init",
    .positional = "[quickstart|images|own-data]",
    .help =
        "Prints a commented spec to start from (default: quickstart): `fslens init >my.yaml`. What to do next is said "
        "on stderr.\n"
        "`fslens kinds spec` lists every key that a spec can have.",
    .most = 1,
};

static void print_next(const example *e) {
  int step = 1;
  fprintf(stderr, "%s: %s. Next, with this spec in my.yaml:\n", e->name, e->help);
  if (e->files[0] != '\0') fprintf(stderr, " %d. %s\n", step++, e->files);
  fprintf(stderr, " %d. fslens plan my.yaml     what it would run and how long that takes\n", step);
  fprintf(stderr, " %d. fslens run my.yaml      makes my.h5; `mpirun -n 4 fslens run my.yaml` uses more cores\n",
          step + 1);
  fprintf(stderr, " %d. fslens show my.h5       the results\n", step + 2);
  fprintf(stderr, "Other specs to start from:");
  for (size_t i = 0, n = 0; i < N_EXAMPLES; i++)
    if (&examples[i] != e) fprintf(stderr, "%s fslens init %s", n++ == 0 ? "" : ",", examples[i].name);
  fprintf(stderr, ". Every key: fslens kinds spec\n");
}

static int complain(const char *name) {
  const char *names[N_EXAMPLES];
  for (size_t i = 0; i < N_EXAMPLES; i++) names[i] = examples[i].name;
  const char *const near = fsl_nearest(name, N_EXAMPLES, names);
  if (near != NULL)
    fprintf(stderr, "fslens init: there is no spec '%s'; did you mean '%s'?\n", name, near);
  else
    fprintf(stderr, "fslens init: there is no spec '%s'; expected %s\n", name, usage.positional);
  return FSL_EXIT_USAGE;
}

static int print_named(const char *name) {
  for (size_t i = 0; i < N_EXAMPLES; i++) {
    if (strcmp(examples[i].name, name) != 0) continue;
    fputs(examples[i].spec, stdout);
    print_next(&examples[i]);
    return 0;
  }
  return complain(name);
}

int fsl_command_init(int argc, char **argv) {
  fsl_arguments arguments;
  int exit_status = 1;
  fsl_arena *const arena = fsl_arena_create(0);
  if (fsl_arguments_read(arena, &usage, argc, argv, &arguments, &exit_status))
    exit_status = print_named(arguments.n_positional == 0 ? examples[0].name : arguments.positional[0]);
  fsl_arena_destroy(arena);
  return exit_status;
}
