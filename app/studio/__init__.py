"""The studio: from an uploaded photo to a painted picture. Imports go down: pages, painting, domain."""
