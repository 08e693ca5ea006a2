#!/usr/bin/env bash
# What plan says: of costs, beside what small jobs take; of budgets. `make soak` compares a larger grid, within 1.5.
. "$(dirname "$0")/common.sh"
case $FSLENS in
*-san/fslens) echo "sanitizers slow some loops down and not others: costs are not compared" ;;
*)
  timeout 600 "$PYTHON" tests/e2e/check_costs.py "${FSLENS%/fslens}/bench/costs" short
  report "jobs take what the cost model says, within a factor of 4 on a machine that is busy with other things" $?
  ;;
esac

cat >"$here/plan.yaml" <<'END'
name: plan
seed: 1
grid:
  prior: [{name: tri, kind: discrete, atoms: [[-1.8], [0.2], [2.2]]}]
  forward_model: [identity]
  noise_level: [0.3]
  approximation: [fsr, sigma-dps, dps]
  n_train: [64, 256]
replicates: 3
observations: {kind: simulated, count: 5}
END
ends 0 "plan without a budget" "$FSLENS" plan "$here/plan.yaml"
says 'budget: none; `budget: {}` would add 6 jobs, about ' "says what one would add"
for part in sampling 'score errors' reference truth floors; do says "  $part " "the table has $part"; done
! grep -qE '^  budget ' "$here/said"
report "and no budget" $?
added=$(sed -n 's/.*would add 6 jobs, about \([0-9.]*\) s on one rank/\1/p' "$here/said")
ends 0 "plan with the budget" "$FSLENS" plan "$here/plan.yaml" --set "budget={}"
"$PYTHON" - "$here/said" "${added:-nothing}" <<'END'
import re, sys
rows = {m[1].strip(): (int(m[2]), float(m[3]), float(m[4])) for m in
        re.finditer(r"^  ([a-z ]+?) +(\d+) +([\d.e+-]+) s +([\d.]+) %$", open(sys.argv[1]).read(), re.M)}
assert set(rows) == {"sampling", "score errors", "reference", "truth", "floors", "budget"}, rows
assert rows["budget"][0] == 6 and rows["sampling"][0] == 3 * 5 * 6, rows
assert abs(rows["budget"][1] / float(sys.argv[2]) - 1) < 0.06, (rows, sys.argv[2])
assert abs(sum(share for _, _, share in rows.values()) - 100) < 0.5, rows
END
report "has its part, as it was said to be, and shares of 100 %" $?
ends 0 "plan with the budget of other sizes" "$FSLENS" plan "$here/plan.yaml" --set "budget={observations: 2, replicates: 3}"
says "  budget " "has its part too"
! grep -q 'would add' "$here/said"
report "and would add nothing" $?
