package main

// Unary gRPC as far as the conformance tests' image speaks it (proto.EchoTestService/Echo: one string there, one back), on Go's
// own HTTP/2: frames of one message, and the status in trailers.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"time"
)

const (
	echoMethod  = "/proto.EchoTestService/Echo"
	messageMax  = 1 << 20
	grpcType    = "application/grpc"
	frameHeader = 5 // a flag for compression, and the length
)

func plainHTTP2() *http.Protocols {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	return protocols
}

// A frame of a message whose field 1 is this string.
func framed(text string) []byte {
	message := binary.AppendUvarint([]byte{1<<3 | 2}, uint64(len(text)))
	message = append(message, text...)
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
}

// The string in the one frame of a body.
func unframed(body io.Reader) (string, error) {
	frame, err := io.ReadAll(io.LimitReader(body, messageMax))
	if err != nil {
		return "", err
	}
	if len(frame) < frameHeader || frame[0] != 0 || int(binary.BigEndian.Uint32(frame[1:])) != len(frame)-frameHeader {
		return "", fmt.Errorf("want one uncompressed frame, got %d bytes", len(frame))
	}
	message := frame[frameHeader:]
	if len(message) == 0 {
		return "", nil
	}
	size, used := binary.Uvarint(message[1:])
	if message[0] != 1<<3|2 || used <= 0 || uint64(len(message)-1-used) != size {
		return "", errors.New("want a message of one string")
	}
	return string(message[1+used:]), nil
}

func grpcHandler(port string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", grpcType)
		w.Header().Set("Trailer", "Grpc-Status")
		status := "0"
		if _, err := unframed(r.Body); err != nil || r.URL.Path != echoMethod {
			status = "12" // unimplemented
		} else if _, err := w.Write(framed(echoLines(r, port))); err != nil {
			log.Print(err)
		}
		w.Header().Set("Grpc-Status", status)
	}
}

// So many calls on one connection; a call whose status is not OK ends them.
func grpcCalls(target string, count int, header http.Header) error {
	host := strings.TrimSuffix(target, "/")
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{Protocols: plainHTTP2()}}
	for i := range count {
		request, err := http.NewRequest(http.MethodPost, "http://"+host+echoMethod, strings.NewReader(string(framed("HelloWorld"))))
		if err != nil {
			return err
		}
		request.Header = header.Clone()
		request.Header.Set("Content-Type", grpcType)
		request.Header.Set("Te", "trailers")
		got, err := client.Do(request)
		if err != nil {
			return err
		}
		text, err := unframed(got.Body)
		got.Body.Close()
		// Without a message the status stands among the headers.
		if status := got.Trailer.Get("Grpc-Status") + got.Header.Get("Grpc-Status"); status != "0" {
			return fmt.Errorf("grpc-status %q of an answer %d", status, got.StatusCode)
		}
		if err != nil {
			return err
		}
		printAnswer(i, "grpc://"+host, got.StatusCode, got.Header, text)
	}
	return nil
}
