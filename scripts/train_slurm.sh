#!/usr/bin/env bash
# Train on the nodes of a SLURM cluster: one torchrun for each node, which meet on the first. Submit it in the folder
# that experiments/ shall be in (all nodes must see it), with the environment active:
#
#   sbatch --nodes=2 --gpus-per-node=4 --cpus-per-task=32 scripts/train_slurm.sh -opt options/train_scgan_fan.yml
#
# All arguments go to the training. It begins where the newest training state is, so the job may be preempted, requeued
# or submitted again. Three minutes before the time limit the training is told to save and the job queues again.
#
#   PROCESSES_PER_NODE=2    instead of one for each GPU (one in all without a GPU)
#   PYTHON=PATH             instead of the environment's python
#   GLOO_SOCKET_IFNAME, NCCL_SOCKET_IFNAME=eth0   where nodes find each other on the wrong network
#SBATCH --job-name=scgan_fan
#SBATCH --ntasks-per-node=1
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@180
set -euo pipefail

main() {
    trap save_and_requeue USR1
    local nodes port=$((20000 + SLURM_JOB_ID % 20000))  # jobs that share a node take different ones
    nodes=$(scontrol show hostnames "$SLURM_JOB_NODELIST")  # one a line
    srun --kill-on-bad-exit=1 ${SLURM_CPUS_PER_TASK:+--cpus-per-task="$SLURM_CPUS_PER_TASK"} \
        "${PYTHON:-python}" -m torch.distributed.run --nnodes="$SLURM_JOB_NUM_NODES" \
        --nproc_per_node="${PROCESSES_PER_NODE:-${SLURM_GPUS_ON_NODE:-1}}" --max-restarts=3 \
        --rdzv_backend=c10d --rdzv_endpoint="${nodes%%$'\n'*}:$port" --rdzv_id="$SLURM_JOB_ID" \
        -m scgan_fan.train --launcher pytorch --auto_resume "$@" &
    wait $!
}

# USR1 and not TERM, which a cancelled job may get: that one shall not come back.
save_and_requeue() {
    kill -TERM ${!:-} || true  # where training has not started, there is nothing to save
    wait
    scontrol requeue "$SLURM_JOB_ID"
    exit
}

main "$@"
