package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

// tokenOf gets a token from Keystone for the user whose openrc file this is.
func tokenOf(ctx context.Context, openrc string) (string, error) {
	text, err := os.ReadFile(openrc)
	if err != nil {
		return "", err
	}
	env := map[string]string{}
	for _, word := range strings.Fields(string(text)) {
		if name, value, ok := strings.Cut(word, "="); ok {
			env[name] = strings.Trim(value, `'"`)
		}
	}
	domain := map[string]string{"name": env["OS_USER_DOMAIN_NAME"]}
	user := map[string]any{"name": env["OS_USERNAME"], "password": env["OS_PASSWORD"], "domain": domain}
	body, err := json.Marshal(map[string]any{"auth": map[string]any{
		"identity": map[string]any{"methods": []string{"password"}, "password": map[string]any{"user": user}},
		"scope": map[string]any{"project": map[string]any{
			"name": env["OS_PROJECT_NAME"], "domain": map[string]string{"name": env["OS_PROJECT_DOMAIN_NAME"]},
		}},
	}})
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, env["OS_AUTH_URL"]+"/auth/tokens", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	token := answer.Header.Get("X-Subject-Token")
	if token == "" {
		return "", fmt.Errorf("no token from Keystone: %s", answer.Status)
	}
	return token, nil
}
