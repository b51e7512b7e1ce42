"""A code location that can't be loaded."""
import no_such_module
