"""The built-in rules, shipped as `smellcheck_rules`; a folder is a family, a check and its page are a rule."""
