"""scimd as OpenID provider over HTTP: `browser` is where apps send people, `api` is what apps ask by themselves."""
