package agent

import "net"

// outside is a listener that hears nobody of its own pod: the function shares the agent's network, and has nothing to say to it.
type outside struct{ net.Listener }

// Accept implements net.Listener. Connections from within are closed without a word.
func (l outside) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil || !fromWithin(conn) {
			return conn, err
		}
		conn.Close()
	}
}

// fromWithin reports whether both ends of a TCP connection are this host.
func fromWithin(conn ends) bool {
	here, ok1 := conn.LocalAddr().(*net.TCPAddr)
	there, ok2 := conn.RemoteAddr().(*net.TCPAddr)
	return ok1 && ok2 && (there.IP.IsLoopback() || there.IP.Equal(here.IP))
}

// ends are a connection's two addresses.
type ends interface {
	LocalAddr() net.Addr
	RemoteAddr() net.Addr
}
