"""`python -m foresend.kubernetes` writes the manifests that follow from tables; a test holds the two together."""

from foresend.kubernetes.writing import BASE, files

if __name__ == "__main__":
    for name, text in files().items():
        (BASE / name).write_text(text, encoding="utf-8")
