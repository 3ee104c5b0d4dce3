#!/usr/bin/env bash
# From a fresh machine to a trained network and a picture of what it does: installs into .venv, makes LMDBs of faces,
# trains a small network for some minutes (no GPU needed) and validates it.
#
#   scripts/quickstart.sh                             on faces that are drawn for it
#   scripts/quickstart.sh --hr DIR --lr DIR           on your own: sharp faces of 64 pixels or more, and low-resolution
#                                                     ones of 16 or more, as square crops; not pairs
#   scripts/quickstart.sh --iters 2000                longer, for a better network (default: 200)
#   PYTHON=python3.12 scripts/quickstart.sh           with an interpreter other than python3 (3.10 to 3.13)
#
# Writes demo/ (LMDBs, result.png, log) and experiments/quickstart/ (network, options, log). Run again, it reuses what is
# finished; the experiment before is kept under another name.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"

NAME=quickstart
VALIDATION_FACES=8
BATCH=4  # faces in a training step, as the option file says

main() {
    local hr='' lr='' iters=200 images
    parse_arguments "$@"
    install_scgan_fan
    mkdir -p demo
    LOG=$ROOT/demo/quickstart.log
    : >"$LOG"
    if [[ -n $hr ]]; then
        own_faces
    else
        drawn_faces
    fi
    train
    show_result
}

# Sets hr, lr and iters of main.
parse_arguments() {
    while (($#)); do
        case $1 in
            --hr | --lr | --iters)
                (($# > 1)) || fail "$1 needs a value; see --help"
                case $1 in
                    --hr) hr=$(folder "$2") ;;
                    --lr) lr=$(folder "$2") ;;
                    --iters) iters=$2 ;;
                esac
                shift 2
                ;;
            -h | --help)
                sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
                exit
                ;;
            *) fail "unknown argument $1; see --help" ;;
        esac
    done
    [[ $iters =~ ^[1-9][0-9]*$ ]] || fail "--iters $iters: not a whole number from 1"
    [[ -n $hr && -n $lr || -z $hr$lr ]] || fail 'give --hr and --lr together: training needs sharp and low-resolution faces'
}

# Its absolute path.
folder() {
    [[ -d $1 ]] || fail "$1: no such folder"
    (cd "$1" && pwd)
}

drawn_faces() {
    local faces=demo/faces
    if [[ ! -e $faces/contact_sheet.png ]]; then  # written last
        echo 'drawing 1000 faces'
        run draw "$faces" --hr 600 --lr 400 --val $VALIDATION_FACES
    fi
    make_lmdb demo/hr.lmdb $faces/hr 64
    make_lmdb demo/lr.lmdb $faces/lr 16
    images=(datasets:train:dataroot_gt=demo/hr.lmdb datasets:train:dataroot_lq=demo/lr.lmdb
            datasets:val:dataroot_gt=$faces/val_hr datasets:val:dataroot_lq=$faces/val_lr datasets:val:downsampling='~'
            datasets:val_real:dataroot_lq=$faces/val_lr)
}

own_faces() {
    make_lmdb demo/own_hr.lmdb "$hr" 64
    make_lmdb demo/own_lr.lmdb "$lr" 16
    (($(wc -l <demo/own_hr.lmdb/meta_info.txt) >= BATCH)) || fail "$hr: training needs $BATCH usable faces at least"
    echo "validating with the first $VALIDATION_FACES of the same faces: a look at the training, not a measure of quality"
    images=(datasets:train:dataroot_gt=demo/own_hr.lmdb datasets:train:dataroot_lq=demo/own_lr.lmdb
            datasets:val:dataroot_gt=demo/own_hr.lmdb datasets:val_real:dataroot_lq=demo/own_lr.lmdb)
}

# make_lmdb OUT FOLDER SIZE: made anew only where the folder's files have changed.
make_lmdb() {
    local out=$1 inputs=$2 listing
    listing=$(echo "$inputs" && cd "$inputs" && { ls -lR || true; } | cksum)
    if [[ -e $out/meta_info.txt && $listing == "$(cat "$out.inputs" 2>/dev/null)" ]]; then
        return
    fi
    echo "storing $inputs in $out"
    rm -f "$out.inputs"
    run lmdb "$inputs" --output "$out" --size "$3" --overwrite
    echo "$listing" >"$out.inputs"
    echo "  $(wc -l <"$out/meta_info.txt") faces"
}

# Run a command of ours; the line that it ends with is the error, where it fails.
run() {
    logged .venv/bin/scgan-fan "$@" || fail "scgan-fan $1 failed: $(tail -n 1 "$LOG" | sed 's/^error: //') (log: $LOG)"
}

train() {
    local ema_decay
    # the option file's average is too slow for a short run: nothing of the untrained network shall be left in it
    ema_decay=$(LC_ALL=C awk "BEGIN { print ($iters > 2000 ? 0.998 : $iters > 8 ? 1 - 4 / $iters : 0.5) }")
    echo "training for $iters iterations; log: $LOG"
    .venv/bin/python -m scgan_fan.train -opt options/train_scgan_fan_cpu.yml --force_yml name=$NAME "${images[@]}" \
        datasets:val:num_images=$VALIDATION_FACES datasets:val_real:num_images=$VALIDATION_FACES \
        train:total_iter="$iters" "train:scheduler:periods=[$iters]" train:ema_decay="$ema_decay" \
        val:pbar=false logger:print_freq=10 2>&1 |
        tee -a "$LOG" | show_iterations ||
        fail "training failed: $(tail -n 1 "$LOG" | sed 's/^error: //') (log: $LOG)"
}

# BasicSR's log -> one line that is rewritten on a terminal, a line each time elsewhere.
show_iterations() {
    local line left before='' after='\n'
    [[ ! -t 1 ]] || before='\r\033[K' after=''
    while IFS= read -r line; do
        if [[ $line =~ iter:\ *([0-9,]+),.*eta:\ (.*),\ time ]]; then
            left=${BASH_REMATCH[2]/#-*/0:00:00}  # BasicSR counts below zero at the end
            printf "$before  iteration %s of $iters, %s left$after" "${BASH_REMATCH[1]//,/}" "$left"
        fi
    done
    printf "$before"
}

show_result() {
    local picture
    picture=$(ls -t experiments/$NAME/visualization/paired_*.png | head -n 1)
    cp "$picture" demo/result.png
    sed -n 's/^.*# \([a-z]*: [0-9.]*\).*Best.*/  \1/p' "$LOG" | tail -n 2
    echo 'columns: LR, bicubic, ours, HR. Better with more --iters; the network is in experiments/quickstart/models'
    echo "$ROOT/demo/result.png"
}

main "$@"
