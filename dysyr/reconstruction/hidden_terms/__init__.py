"""Hidden terms of half-known equations: joint networks, regression, and a search for terms through the solver."""

from dysyr.reconstruction.hidden_terms.hidden_terms import HiddenTerms
from dysyr.reconstruction.hidden_terms.model import HiddenTermsModel

__all__ = ["HiddenTerms", "HiddenTermsModel"]
