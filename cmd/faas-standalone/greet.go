package main

import (
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// isTerminal reports whether a person is looking at the file.
func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// greet says where the service is and what to type next, before the log scrolls it away.
func greet(out io.Writer, address net.Addr, authStrategy string) {
	url := "http://" + reachable(address)
	curl, openstack := "curl -s "+url+"/v1/runtimes", "openstack --os-auth-type none --os-endpoint "+url
	if authStrategy != "noauth" {
		curl = `curl -s -H "X-Auth-Token: $(openstack token issue -f value -c id)" ` + url + "/v1/runtimes"
		openstack = "openstack" // the catalogue says where the service is
	}
	// nobody is there to be told where it fails
	_, _ = fmt.Fprintf(out, "Functions as a Service on %s. In another terminal:\n  %s\n  %s %s\n\n", url, curl, openstack,
		"function create --name hello --runtime python3 --file examples/hello-python/main.py --entry main.main")
}

// reachable returns the host and port by which this machine reaches what listens on the address.
func reachable(address net.Addr) string {
	tcp, ok := address.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return address.String()
	}
	return (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: tcp.Port}).String()
}
