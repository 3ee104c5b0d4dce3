"""Store folders of images as one LMDB, which training reads and disks copy faster than many small files.

    scgan-fan lmdb datasets/ffhq -o datasets/hr.lmdb --size 64
    scgan-fan lmdb faces_a faces_b more.txt -o datasets/lr.lmdb --size 16

All is written aside and moved into place at the end, so what is there is whole. What was skipped, and why, is in
OUT.lmdb/skipped.txt.
"""
import os

from scgan_fan.commands.line import ends_in_one_line, parser_of, positive


@ends_in_one_line()
def main() -> None:
    """Write the LMDB of the command line."""
    parser = parser_of(__doc__)
    parser.add_argument('inputs', nargs='+', metavar='INPUT',
                        help='folder of images (searched recursively), or .txt file with a path in each line')
    parser.add_argument('-o', '--output', required=True, metavar='OUT.lmdb')
    parser.add_argument('--size', type=positive, help='crop the central square and reduce it to SIZE x SIZE pixels; '
                        'smaller images are skipped. Default: keep images as they are')
    parser.add_argument('--workers', type=positive, default=os.cpu_count(), help='processes. Default: one per core')
    parser.add_argument('--overwrite', action='store_true', help='replace an LMDB that is there already')
    arguments = parser.parse_args()
    from scgan_fan.data.lmdb_writer import write_lmdb  # takes seconds, which --help need not
    summary = write_lmdb(arguments.inputs, arguments.output, arguments.size, arguments.workers, arguments.overwrite)
    if summary is None:
        print(f'{arguments.output} is finished already; --overwrite makes it again')
        return
    print(f'{arguments.output}: {summary.stored} images, {summary.converted} of them converted to 8-bit RGB')
    for reason, count in sorted(summary.skipped.items()):
        print(f'skipped, {reason}: {count} (see {arguments.output}/skipped.txt)')
