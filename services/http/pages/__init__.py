"""Pages for people, rendered here and complete without JavaScript. `frame.Pages` is what later pages reuse."""

from services.http.pages.frame import ARTICLE_POLICY, POLICY, Pages
from services.http.pages.routes import page_routes

__all__ = ["ARTICLE_POLICY", "POLICY", "Pages", "page_routes"]
