"""scripts/train_slurm.sh, with programs in the place of SLURM's that tell what they were asked for."""
import contextlib
import os
import signal
import subprocess
from pathlib import Path

import pytest

from runs import program

SCRIPT = Path(__file__).parent.parent / 'scripts' / 'train_slurm.sh'
SCONTROL = '''#!/usr/bin/env bash
case $1 in
    show) printf '%s\\n' node7 node8 ;;
    requeue) echo "requeued $2" ;;
esac
'''
SRUN = '#!/usr/bin/env bash\necho "$@"\n'
SRUN_UNTIL_TOLD = '''#!/usr/bin/env bash
trap 'echo saved; exit 1' TERM
echo running
for _ in {1..600}; do sleep 0.1; done
'''


@pytest.fixture
def submit(tmp_path):
    """Start the script as SLURM would on the first of two nodes."""
    def start(srun: str, *arguments: str, **variables: str) -> subprocess.Popen:
        for name, content in (('srun', srun), ('scontrol', SCONTROL)):
            (tmp_path / name).write_text(content)
            (tmp_path / name).chmod(0o755)
        slurm = {'SLURM_JOB_ID': '20042', 'SLURM_JOB_NUM_NODES': '2', 'SLURM_JOB_NODELIST': 'node[7-8]', **variables}
        environment = {'PATH': f'{tmp_path}:{os.environ["PATH"]}', **slurm}
        return running.enter_context(program(['bash', SCRIPT, *arguments], env=environment, stdout=subprocess.PIPE))
    with contextlib.ExitStack() as running:
        yield start


@pytest.mark.parametrize('variables, processes', [
    ({}, 1), ({'SLURM_GPUS_ON_NODE': '4'}, 4), ({'SLURM_GPUS_ON_NODE': '4', 'PROCESSES_PER_NODE': '2'}, 2)])
def test_one_torchrun_for_each_node(submit, variables, processes):
    script = submit(SRUN, '-opt', 'o.yml', **variables)
    assert script.communicate(timeout=60)[0] == (
        f'--kill-on-bad-exit=1 python -m torch.distributed.run --nnodes=2 --nproc_per_node={processes} '
        '--max-restarts=3 --rdzv_backend=c10d --rdzv_endpoint=node7:20042 --rdzv_id=20042 '
        '-m scgan_fan.train --launcher pytorch --auto_resume -opt o.yml\n')
    assert script.returncode == 0


def test_before_the_time_limit_it_saves_and_queues_again(submit):
    script = submit(SRUN_UNTIL_TOLD)
    assert script.stdout.readline() == 'running\n'
    script.send_signal(signal.SIGUSR1)
    assert script.communicate(timeout=60)[0] == 'saved\nrequeued 20042\n'
    assert script.returncode == 0


def test_a_training_that_fails_or_is_cancelled_is_not_queued_again(submit):
    failed = submit('#!/usr/bin/env bash\nexit 3\n')
    assert failed.communicate(timeout=60)[0] == '' and failed.returncode == 3
    cancelled = submit('#!/usr/bin/env bash\necho running\nsleep 2\n')
    cancelled.stdout.readline()
    cancelled.terminate()
    assert cancelled.communicate(timeout=60)[0] == '' and cancelled.returncode == -signal.SIGTERM
