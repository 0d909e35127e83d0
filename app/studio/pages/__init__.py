"""The studio's web pages: upload, choosing styles and controls, orders, pictures, previews, shared links."""
