#!/usr/bin/env bash
# Use some minutes of a GPU: the tests that need one, the speed of each option, training for the time that is left, and
# what is worth bringing home, in files below 16 MB. Where there is no GPU, the processor does the same.
#
#   scripts/gpu_run.sh OPTIONS OUT MINUTES     OPTIONS: an option file whose data lies where it says
#
# Needs an environment with the package, pytest and its tests: pip install '.[test]'. Set PYTHON to use another than python3.
set -uo pipefail
(($# == 3)) && [[ $3 =~ ^[1-9][0-9]*$ ]] || { sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2; }
options=$1 out=$2 minutes=$3 python=${PYTHON:-python3}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PYTHONPATH=$here${PYTHONPATH:+:$PYTHONPATH}
mkdir -p "$out"
started=$SECONDS
name=$("$python" -c 'import sys; from scgan_fan.options import read_options; print(read_options(sys.argv[1])["name"])' "$options")

# Tests and speed have a tenth and a sixth of the time; what they do not reach is not done.
timeout $((minutes * 6)) "$python" -m pytest -q "$here"/tests/{archs,faces,losses,metrics,models,test_device.py} \
    -k "cuda or on_a_gpu" -c "$here/pyproject.toml" \
    -p no:cacheprovider >"$out/tests.txt" 2>&1
echo "tests: exit status $?"
timeout $((minutes * 10)) "$python" "$here/scripts/bench.py" -opt "$options" --only step --rounds 2 --options channels_last \
    bfloat16 fast compile --json "$out/bench.json" >"$out/bench.txt" 2>&1
echo "speed: exit status $?"

left=$("$python" -c "print($minutes - ($SECONDS - $started) / 60 - $minutes / 30)")  # packing takes a thirtieth
"$python" -m scgan_fan.train -opt "$options" --force_yml "train:time_budget=$left" >"$out/train.txt" 2>&1
echo "training: exit status $?"
"$python" -m scgan_fan.commands pack "experiments/$name" -o "$out" || exit 1
echo "done in $((SECONDS - started)) of $((minutes * 60)) seconds"
