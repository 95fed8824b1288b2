package config

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// Base is what every program of the service reads, the operator's tools too.
type Base struct {
	Default  Default   `section:"DEFAULT"`
	Database Database  `section:"database"`
	Storage  Storage   `section:"storage"`
	Auth     Authtoken `section:"keystone_authtoken"`
	Rabbit   Rabbit    `section:"oslo_messaging_rabbit"`
}

// Service is what every process of the service reads, be it API, engine or both.
type Service struct {
	Base
	API      API           `section:"api"`
	Worker   Worker        `section:"worker"`
	Trust    Trust         `section:"trust"`
	Quota    Quota         `section:"quota"`
	Notify   Notifications `section:"oslo_messaging_notifications"`
	Metrics  Metrics       `section:"metrics"`
	Tracing  Tracing       `section:"tracing"`
	Triggers Triggers      `section:"triggers"`
}

// Standalone configures faas-standalone: API and engine in one process.
type Standalone struct {
	APIService
	Engine Engine `section:"engine"`
}

// APIService configures faas-api.
type APIService struct {
	Service
	Limits ResourceLimits `section:"resource_limits"`
	Policy Policy         `section:"oslo_policy"`
	CORS   CORS           `section:"cors"`
	Health HealthCheck    `section:"healthcheck"`
}

// EngineService configures faas-engine.
type EngineService struct {
	Service
	Limits     ResourceLimits `section:"resource_limits"`
	Engine     Engine         `section:"engine"`
	Kubernetes Kubernetes     `section:"kubernetes"`
	clusters
}

// Manage configures faas-manage, which reads the services' own file.
type Manage struct {
	Base
	Kubernetes Kubernetes `section:"kubernetes"`
	clusters
	Policy Policy `section:"oslo_policy"`
}

// Status configures faas-status, which reads the services' own file.
type Status struct {
	Base
	Kubernetes Kubernetes `section:"kubernetes"`
	clusters
	Worker Worker `section:"worker"`
	Policy Policy `section:"oslo_policy"`
}

// every lists one struct of each binary: the sections that a file may have are those of all of them
// together.
func every() []any {
	return []any{&Standalone{}, &APIService{}, &EngineService{}, &Manage{}, &Status{}}
}

// String shows the configuration as a file would, without its secrets.
func (c *Standalone) String() string { return render(c) }

// String shows the configuration as a file would, without its secrets.
func (c *APIService) String() string { return render(c) }

// String shows the configuration as a file would, without its secrets.
func (c *EngineService) String() string { return render(c) }

// String shows the configuration as a file would, without its secrets.
func (c *Manage) String() string { return render(c) }

// String shows the configuration as a file would, without its secrets.
func (c *Status) String() string { return render(c) }

// Process returns the name of this process among its peers.
func (d Default) Process() string {
	if d.Host != "" {
		return d.Host
	}
	name, err := os.Hostname()
	if err != nil {
		return "localhost" // a host without a name has no peers either
	}
	return name
}

// shutdownMargin is what a call may take beyond its waiting and its timeout: to load the function, to
// end it, and to record it.
const shutdownMargin = 5 * time.Second

// Shutdown returns how long what is under way may take when the process is told to end: with -1 as
// long as any call can.
func (d Default) Shutdown(a API, l ResourceLimits) time.Duration {
	if d.ShutdownTimeout < 0 {
		return a.CallWait + l.MaxTimeoutDuration() + shutdownMargin
	}
	return d.ShutdownTimeout
}

// Listen returns the address to listen on as net.Listen takes it.
func (a API) Listen() string { return net.JoinHostPort(a.Host, strconv.Itoa(a.Port)) }

// Status returns the address of the status port of a process that serves the API; "" for none.
func (a API) Status() string { return statusAddress(a.StatusHost, a.StatusPort) }

// Status returns the address of the status port of a process that is an engine only; "" for none.
func (e Engine) Status() string { return statusAddress(e.StatusHost, e.StatusPort) }

func statusAddress(host string, port int) string {
	if port == 0 {
		return ""
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

// ListenOverrides turns the value of a --listen flag, HOST:PORT, into options for
// Sources.Overrides.
func ListenOverrides(listen string) (map[string]string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, &Error{
			Section: "api",
			Option:  "host",
			Value:   listen,
			Reason:  "--listen must be HOST:PORT, as in 127.0.0.1:7070",
		}
	}
	if host == "" {
		host = "0.0.0.0"
	}
	return map[string]string{"api.host": host, "api.port": port}, nil
}

// Agent returns the path of the faas-agent binary.
func (w Worker) Agent() (string, error) {
	if w.AgentPath != "" {
		return w.AgentPath, nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", &Error{
			Section: "worker",
			Option:  "agent_path",
			Reason:  "name the faas-agent binary: the service's own path is not known",
		}
	}
	return filepath.Join(filepath.Dir(self), "faas-agent"), nil
}

// Process returns the bounds of a worker's processes.
func (w Worker) Process() faas.ProcessLimits {
	return faas.ProcessLimits{
		OpenFiles: w.OpenFiles,
		Processes: w.Processes,
		FileSize:  w.FileSize,
		Result:    w.ResultSize,
		Log:       w.LogSize,
	}
}

// Ranges returns what a function may ask for.
func (l ResourceLimits) Ranges() faas.Limits {
	return faas.Limits{
		CPU:     faas.Range{Min: l.MinCPU, Default: l.DefaultCPU, Max: l.MaxCPU},
		Memory:  faas.Range{Min: l.MinMemory, Default: l.DefaultMemory, Max: l.MaxMemory},
		Timeout: faas.Range{Min: l.MinTimeout, Default: l.DefaultTimeout, Max: l.MaxTimeout},
	}
}

// MaxTimeoutDuration is the longest that any call may take.
func (l ResourceLimits) MaxTimeoutDuration() time.Duration {
	return time.Duration(l.MaxTimeout) * time.Second
}
