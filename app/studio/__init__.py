"""The studio: from an uploaded photo to a painted picture.

Its three storeys are pages, painting and domain. Imports only go down.
"""
