"""TensorBoard's event files, read without TensorBoard, TensorFlow or protobuf."""

from autoloop.history.tensorboard.files import LOOKED_FOR, TENSORBOARD, sources, tail

__all__ = ["LOOKED_FOR", "TENSORBOARD", "sources", "tail"]
