"""ONNX files, run by onnxruntime on the CPU."""
from scgan_fan.errors import InputError, first_line
from scgan_fan.extras import import_extra


def open_onnx(model: bytes, label: str, threads: int):
    """The session of a ``model``, the content of an ``.onnx`` file, on so many ``threads``; errors call it ``label``.

    Raises InputError where onnxruntime is not installed, or it is no ONNX model.
    """
    onnxruntime = import_extra('onnxruntime', label, '"scgan_fan[export]"')
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # what goes wrong is raised; no need to print it, too
    try:
        return onnxruntime.InferenceSession(model, options, providers=['CPUExecutionProvider'], enable_fallback=0)
    except Exception as error:  # onnxruntime's errors have no class in common
        raise InputError(f'{label}: not a readable ONNX file ({first_line(error)}); it is damaged or of another kind'
                         ) from error
