"""The studio's web pages: upload, studio, orders, pictures, previews, shares."""
