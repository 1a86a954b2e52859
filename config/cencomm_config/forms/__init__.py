"""The forms of an operation: one JSON Schema 2020-12 each, their checks, labels and examples.

`schemas/` and `examples/` are the forms themselves; the modules load, check, narrow and explain
them. Refuses to guess: a value is right, or it is named with what was read and what is expected.
No sockets, no clock. Imported by clients only; docs/forms.md shows all fields.
"""

from cencomm_config.forms.errors import FieldError, FormInvalid, FormSetInvalid
from cencomm_config.forms.form import Form
from cencomm_config.forms.sets import FormSet, base_set

__all__ = ["FieldError", "Form", "FormInvalid", "FormSet", "FormSetInvalid", "base_set"]
