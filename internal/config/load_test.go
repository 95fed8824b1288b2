package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "faas.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestDefaultsAreRight(t *testing.T) {
	var c Standalone
	if err := Load(&c, Sources{}); err != nil {
		t.Fatal(err)
	}
	if got := c.API.Listen(); got != "127.0.0.1:7070" {
		t.Errorf("listen %q", got)
	}
	if got := c.Database.Connection; got != "sqlite:////var/lib/faas/faas.sqlite" {
		t.Errorf("connection %q", got)
	}
	if c.Engine.WorkerIdleTime != 5*time.Minute || c.Engine.Concurrency != 3 {
		t.Errorf("engine %+v", c.Engine)
	}
	if r := c.Limits.Ranges(); r.CPU.Max != 2000 || r.Memory.Default != 32<<20 || r.Timeout.Default != 5 {
		t.Errorf("limits %+v", r)
	}
	if !slices.Equal(c.Worker.Runtimes, []string{"python3", "nodejs"}) {
		t.Errorf("runtimes %q", c.Worker.Runtimes)
	}
}

func TestLayersLieOverEachOther(t *testing.T) {
	file := write(t, `
[DEFAULT]
debug = yes
state_path = /srv/faas
# a comment with = in it
[api]
port = 7001
max_limit = 10
host = 10.0.0.1
[oslo_policy]
policy_dirs = /etc/one, /etc/two,
`)
	overrides, err := ListenOverrides("[::1]:7003")
	if err != nil {
		t.Fatal(err)
	}
	var c Standalone
	err = Load(
		&c,
		Sources{
			File:      file,
			Environ:   []string{"FAAS_API_PORT=7002", "FAAS_API_MAX_LIMIT=20", "FAAS_SOCKET=/x"},
			Overrides: overrides,
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Default.Debug || c.API.Listen() != "[::1]:7003" || c.API.MaxLimit != 20 {
		t.Errorf("got %s", c.String())
	}
	if c.Storage.Dir != "/srv/faas/packages" || !slices.Equal(c.Policy.Dirs, []string{"/etc/one", "/etc/two"}) {
		t.Errorf("got %s", c.String())
	}
}

// oslo.config lets a name end with either.
func TestColonsDelimitToo(t *testing.T) {
	var c Manage
	if err := Load(&c, Sources{File: write(t, "[database]\nconnection: mysql+pymysql://faas:secret@h/x?charset=utf8\nmax_pool_size = 7\n")}); err != nil {
		t.Fatal(err)
	}
	if c.Database.Connection != "mysql+pymysql://faas:secret@h/x?charset=utf8" || c.Database.MaxPoolSize != 7 {
		t.Errorf("got %+v", c.Database)
	}
}

func TestImagesComeFromRegistries(t *testing.T) {
	for text, good := range map[string]bool{
		"docker.io": true, "docker.io/mine, registry.example.org:5000/a/b": true, "registry:5000": true, "localhost/x": true,
		"mine": false, "docker.io/mine:1": false, "https://docker.io": false, "*": false, "docker.io//": false, "Docker.io": false,
	} {
		var c Standalone
		if err := Load(&c, Sources{Overrides: map[string]string{"api.image_functions_from": text}}); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestOriginsAreAsBrowsersSendThem(t *testing.T) {
	for text, good := range map[string]bool{
		"": true, "*": true, "https://horizon.example.org, http://10.0.0.1:8080": true, "https://[::1]:9000": true,
		"horizon.example.org": false, "https://horizon.example.org/dashboard": false, "https://*.example.org": false, "null": false,
	} {
		var c Standalone
		if err := Load(&c, Sources{Overrides: map[string]string{"cors.allowed_origin": text}}); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestErrorsRepeatNoLine(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"no delimiter":         {"[database]\n# a comment\n\nconnection mysql//faas PASSWORD\n", "line 4"},
		"no name":              {"[database]\n= PASSWORD\n", "line 2"},
		"an open section":      {"[database\nPASSWORD", "line 1"},
		"no delimiter but one": {"[database]\nconnection mysql+pymysql://faas:PASSWORD@h/x?charset=utf8\n", "(not shown)"},
		"a section":            {"[mysql://faas:PASSWORD@h]\n", "(not shown)"},
		"an unknown option":    {"[database]\nmax_pol_size = PASSWORD\n", "did you mean max_pool_size?"},
	} {
		t.Run(name, func(t *testing.T) {
			var c Manage
			err := Load(&c, Sources{File: write(t, test.text)})
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "PASSWORD") {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestManageReadsTheServicesFile(t *testing.T) {
	var c Manage
	if err := Load(&c, Sources{File: write(t, "[api]\nport = 7001\n[database]\nconnection = sqlite:////tmp/x\n")}); err != nil {
		t.Fatal(err)
	}
	if c.Database.Connection != "sqlite:////tmp/x" {
		t.Errorf("connection %q", c.Database.Connection)
	}
}

func TestWrongValuesAreNamed(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"unknown section", "[apis]\nport = 1", "[apis]: there is no such section; did you mean api?"},
		{"unknown option", "[api]\nports = 1", "[api] ports: there is no such option; did you mean port?"},
		{"an unknown word", "[api]\nbananas = 1", "[api] bananas: there is no such option"},
		{"no number", "[api]\nport = x", `[api] port = "x": must be a whole number`},
		{"out of range", "[api]\nport = 70000", `[api] port = "70000": must be a whole number from 0 to 65535`},
		{"a duration with a unit", "[engine]\nlease = 30s", `[engine] lease = "30s": must be a whole number of seconds`},
		{"no bool", "[DEFAULT]\ndebug = perhaps", `[DEFAULT] debug = "perhaps": must be true or false`},
		{"no choice", "[storage]\nprovider = floppy", `[storage] provider = "floppy": must be one of: local`},
		{
			"a secret is not repeated", "[database]\nconnection = postgresql://faas:pw@db/faas",
			"[database] connection: must begin with sqlite:///",
		},
		{"empty", "[storage]\nfile_system_dir =", "[storage] file_system_dir: must not be empty"},
		{
			"min above max", "[resource_limits]\nmin_cpu = 3000",
			`[resource_limits] min_cpu = "3000": must not be more than max_cpu, which is 2000`,
		},
		{
			"default outside", "[resource_limits]\ndefault_timeout = 400",
			`[resource_limits] default_timeout = "400": must be from min_timeout to max_timeout: 1 to 300`,
		},
		{"uids", "[worker]\nlast_uid = 1000", `[worker] last_uid = "1000": must not be less than first_uid, which is 200000`},
		{
			"RabbitMQ in one process", "[DEFAULT]\ntransport_url = rabbit://faas:pw@mq:5672/",
			"[DEFAULT] transport_url: must be in-process:// for faas-standalone",
		},
		{"no ini", "[api\nport = 1", "read configuration"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got Standalone
			err := Load(&got, Sources{File: write(t, c.text)})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "pw") {
				t.Errorf("a password is in %v", err)
			}
		})
	}
}

func TestAllWrongValuesAreNamedAtOnce(t *testing.T) {
	var c Standalone
	err := Load(&c, Sources{File: write(t, "[api]\nport = x\n[engine]\nlease = 0")})
	if err == nil || !strings.Contains(err.Error(), "port") || !strings.Contains(err.Error(), "lease") {
		t.Errorf("got %v", err)
	}
}

func TestOverridesAreChecked(t *testing.T) {
	var c Standalone
	if err := Load(&c, Sources{Overrides: map[string]string{"api.prot": "1"}}); err == nil ||
		!strings.Contains(err.Error(), "did you mean port") {
		t.Errorf("got %v", err)
	}
	if _, err := ListenOverrides("7070"); err == nil {
		t.Error("an address without a port passed")
	}
}

func TestAMissingFileIsAnError(t *testing.T) {
	var c Standalone
	if err := Load(&c, Sources{File: "/nonexistent/faas.conf"}); err == nil ||
		!strings.Contains(err.Error(), "/nonexistent/faas.conf") {
		t.Errorf("got %v", err)
	}
}

func TestStringHidesSecrets(t *testing.T) {
	var c Standalone
	if err := Load(&c, Sources{}); err != nil {
		t.Fatal(err)
	}
	c.Default.TransportURL = "rabbit://faas:hunter2@mq:5672/%2ffaas"
	text := c.String()
	if strings.Contains(text, "hunter2") || !strings.Contains(text, "rabbit://faas:***@mq:5672/%2ffaas") {
		t.Errorf("got %s", text)
	}
}

// A service of several processes needs servers that they share, and a secret that nobody guesses.
func TestServicesNeedWhatTheyShare(t *testing.T) {
	const secret = "0123456789abcdef0123456789abcdef"
	right := "[DEFAULT]\ntransport_url = rabbit://faas:pw@mq1:5672,faas:pw@mq2:5672/\n[database]\nconnection = mysql+pymysql://faas:pw@db/faas\n[worker]\ntoken_secret = " + secret + "\n"
	for _, c := range []struct{ name, text, want string }{
		{"right", right, ""},
		{"embedded", "", "[DEFAULT] transport_url: must begin with rabbit://"},
		{
			"SQLite", strings.ReplaceAll(right, "mysql+pymysql://faas:pw@db/faas", "sqlite:////x"),
			"[database] connection: must begin with mysql+pymysql://",
		},
		{
			"a short secret", strings.ReplaceAll(right, secret, "s3cret"),
			"[worker] token_secret: the secret of the workers' tokens has 6 bytes, at least 32 are needed",
		},
		{
			"Keystone without a password",
			strings.ReplaceAll(
				right, "[DEFAULT]", "[keystone_authtoken]\nauth_url = http://keystone:5000/v3\n[DEFAULT]\nauth_strategy = keystone",
			),
			"[keystone_authtoken] password: must be set with",
		},
		{
			"Keystone without a URL",
			strings.ReplaceAll(
				right, "[DEFAULT]", "[keystone_authtoken]\npassword = s3cret\n[DEFAULT]\nauth_strategy = keystone",
			),
			"[keystone_authtoken] auth_url: must be set with",
		},
	} {
		var a APIService
		var e EngineService
		for _, whole := range []interface{ String() string }{&a, &e} {
			err := Load(whole, Sources{File: write(t, c.text)})
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: got %v, want %q", c.name, err, c.want)
			}
			for _, secret := range []string{":pw", "s3cret", secret} {
				if strings.Contains(whole.String(), secret) || err != nil && strings.Contains(err.Error(), secret) {
					t.Errorf("%s: %q is shown in %v\n%s", c.name, secret, err, whole)
				}
			}
		}
	}
}

func TestAddressBlocksAreChecked(t *testing.T) {
	for _, at := range [][2]string{{"kubernetes", "egress_deny"}, {"triggers", "allowed_networks"}, {"triggers", "denied_networks"}} {
		var e EngineService
		err := Load(&e, Sources{Overrides: map[string]string{at[0] + "." + at[1]: "10.0.0.0/8,10.0.0.1"}})
		want := "[" + at[0] + "] " + at[1] + ` = "10.0.0.1": must be an address block, as in 10.0.0.0/8`
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
