"""The benchmark: a first night and one more on an invented book, whole and by stage, against a floor."""
