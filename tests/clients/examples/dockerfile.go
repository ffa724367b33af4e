// Reads a Dockerfile on standard input as Docker does, and prints the names of its stages.
package main

import (
	"fmt"
	"os"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

func main() {
	result, err := parser.Parse(os.Stdin)
	if err == nil {
		var stages []instructions.Stage
		stages, _, err = instructions.Parse(result.AST, nil)
		for _, stage := range stages {
			fmt.Println(stage.Name)
		}
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
