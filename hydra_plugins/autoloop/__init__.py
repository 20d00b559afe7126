"""autoloop's Hydra plugins. Hydra imports every module here whose name has no leading underscore."""
