package cloud

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/openstack-faas/faas/internal/podlayout"
)

// podsBridge is the mini cloud's interface that everything passes which goes from this machine to a
// pod, and back.
const podsBridge = "faas-pods"

// wire is what somebody sees who listens between APIs, engines, the kubelet and the agents of
// workers.
type wire struct {
	mu    sync.Mutex
	flows map[flow][]byte // what was sent, in the order in which it passed
}

// flow is one direction of a connection.
type flow struct{ from, to netip.AddrPort }

// listenOnWire listens until the test ends.
func listenOnWire(t *testing.T) *wire {
	t.Helper()
	bridge, err := net.InterfaceByName(podsBridge)
	must(t, err)
	every := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL))
	socket, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, int(every))
	must(t, err)
	// A machine that stalls loses nothing of it. A short timeout is how the reader notices the end.
	must(t, unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20))
	must(t, unix.SetsockoptTimeval(socket, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 50_000}))
	must(t, unix.Bind(socket, &unix.SockaddrLinklayer{Protocol: every, Ifindex: bridge.Index}))
	w := &wire{flows: map[flow][]byte{}}
	ctx, stop := context.WithCancel(context.Background())
	var reader sync.WaitGroup
	reader.Go(func() { w.read(ctx, socket) })
	t.Cleanup(func() { stop(); reader.Wait(); _ = unix.Close(socket) })
	return w
}

func (w *wire) read(ctx context.Context, socket int) {
	packet := make([]byte, 128<<10)
	for ctx.Err() == nil {
		n, _, err := unix.Recvfrom(socket, packet, 0)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return
		}
		w.see(packet[:n])
	}
}

// see keeps what an IPv4 packet of TCP has for an agent, or from one.
func (w *wire) see(packet []byte) {
	const ipHead, tcpHead = 20, 20
	if len(packet) < ipHead || packet[0]>>4 != 4 || packet[9] != unix.IPPROTO_TCP {
		return
	}
	head := int(packet[0]&0xf) * 4
	length := int(binary.BigEndian.Uint16(packet[2:]))
	if length > len(packet) || length < head+tcpHead {
		return
	}
	segment := packet[head:length]
	f := flow{
		from: netip.AddrPortFrom(netip.AddrFrom4([4]byte(packet[12:])), binary.BigEndian.Uint16(segment)),
		to:   netip.AddrPortFrom(netip.AddrFrom4([4]byte(packet[16:])), binary.BigEndian.Uint16(segment[2:])),
	}
	data := int(segment[12]>>4) * 4
	if f.from.Port() != podlayout.Port && f.to.Port() != podlayout.Port || data > len(segment) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flows[f] = append(w.flows[f], segment[data:]...)
}

// shows reports whether the text can be read somewhere.
func (w *wire) shows(text string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, sent := range w.flows {
		if bytes.Contains(sent, []byte(text)) {
			return true
		}
	}
	return false
}

// bytesOf returns how many bytes went to a pod's agent and came from it, by TLS and otherwise.
func (w *wire) bytesOf(pod string) (to, from struct{ secured, plain int }) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for f, sent := range w.flows {
		way := &to
		switch pod {
		case f.to.Addr().String():
		case f.from.Addr().String():
			way = &from
		default:
			continue
		}
		if isTLS(sent) {
			way.secured += len(sent)
		} else {
			way.plain += len(sent)
		}
	}
	return to, from
}

// isTLS reports whether the bytes begin as a TLS handshake does (RFC 8446, 5.1).
func isTLS(sent []byte) bool { return bytes.HasPrefix(sent, []byte{22, 3}) }

// catchUp waits till what has passed so far was read: it sends the agent something that everybody
// can read, and awaits it. What is returned is how the agent answered.
func (w *wire) catchUp(ctx context.Context, t *testing.T, pod, marker string) (answer string) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(pod, fmt.Sprint(podlayout.Port)))
	must(t, err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: worker\r\nConnection: close\r\n\r\n", marker)
	must(t, err)
	if deadline, bounded := ctx.Deadline(); bounded {
		must(t, conn.SetDeadline(deadline))
	}
	var said strings.Builder
	_, _ = io.Copy(&said, conn) // until the agent ends it, in whatever way
	await(ctx, t, "what everybody can read was read", func() bool { return w.shows(marker) })
	return said.String()
}
