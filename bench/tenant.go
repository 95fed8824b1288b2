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

// tenant is who uses the cloud.
type tenant struct {
	token, project string
	services       map[string]string // public URLs by the type of the service, without a slash at the end
}

// tenantOf has Keystone make a token for the user whose openrc file this is.
func tenantOf(ctx context.Context, openrc string) (of tenant, err error) {
	text, err := os.ReadFile(openrc)
	if err != nil {
		return of, err
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
		return of, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, env["OS_AUTH_URL"]+"/auth/tokens", bytes.NewReader(body))
	if err != nil {
		return of, err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return of, err
	}
	defer answer.Body.Close()
	var told struct {
		Token struct {
			Project struct{ ID string }
			Catalog []struct {
				Type      string
				Endpoints []struct{ Interface, URL string }
			}
		}
	}
	err = json.NewDecoder(answer.Body).Decode(&told)
	of.token, of.project, of.services = answer.Header.Get("X-Subject-Token"), told.Token.Project.ID, map[string]string{}
	if err != nil || of.token == "" {
		return of, fmt.Errorf("no token from Keystone: %s %w", answer.Status, err)
	}
	for _, service := range told.Token.Catalog {
		for _, endpoint := range service.Endpoints {
			if endpoint.Interface == "public" {
				of.services[service.Type] = strings.TrimSuffix(endpoint.URL, "/")
			}
		}
	}
	return of, nil
}
