"""Which checkpoints of a run stay: ``keep_last`` and ``keep_best`` in ``logger:``."""
from basicsr.utils import get_root_logger

from scgan_fan.checkpoint import read_checkpoint, save_atomically
from scgan_fan.errors import InputError
from scgan_fan.run_folder import RunFolder


class CheckpointRetention:
    """Removes old checkpoints and keeps the best.

    Options, in ``logger:``:
        keep_last: the number of checkpoints that stay. Default: all, as in BasicSR.
        keep_best: ``{dataset: paired, metric: psnr}``: whenever validation of that dataset improves on that metric, the
            main network (its average too, where there is one) is written to ``models/net_g_best.pth``, with an entry
            ``best`` that tells dataset, metric, value and iteration. Default: none.
    """

    def __init__(self, opt: dict):
        self.opt = opt
        options = opt.get('logger', {})
        self.last, self.best = options.get('keep_last'), options.get('keep_best')
        self.metrics = (opt.get('val') or {}).get('metrics') or {}

    def after_save(self, iteration: int) -> None:
        """The checkpoint of ``iteration`` is on the disk: remove those that are too old."""
        if self.last is not None:
            RunFolder(self.opt).remove_older(iteration, self.last)

    def after_validation(self, dataset: str, results: dict[str, float], name: str, content, iteration: int) -> None:
        """Keep the main network where it is the best so far.

        Args:
            dataset, results: what was validated, and its metrics.
            name: of the main network.
            content: gives what a network's file is to hold.
            iteration: how long it has learned.
        """
        if self.best is None or dataset != self.best['dataset'] or self.best['metric'] not in results:
            return
        value, path = results[self.best['metric']], RunFolder(self.opt).network_file(name, 'best')
        if self._improves(value, path):
            save_atomically({**content(name), 'best': {**self.best, 'value': value, 'iter': iteration}}, path)
            get_root_logger().info(f'Best {self.best["metric"]} of {dataset} so far: {path}')

    def _improves(self, value: float, path) -> bool:
        """Compared with what the file says, and not with what this process remembers: BasicSR saves the training state
        before it validates, so a resumed run has forgotten the last validation. The best by another metric is none."""
        try:
            best = read_checkpoint(path)['best']
        except (InputError, KeyError):
            best = {}
        if not self.best.items() <= best.items():
            return value == value  # no number is not the best
        lower = self.metrics[self.best['metric']].get('better', 'higher') == 'lower'
        return value < best['value'] if lower else value > best['value']
