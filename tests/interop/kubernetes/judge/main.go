// Judge: what a Kubernetes API server would say of a definition or an object, by its own code, without one.
//
// Lines of JSON come in, each {"crd": …} or {"object": …}; for each a line goes out, {"errors": […]}. A definition that has no
// errors is known from then on, and objects of its kind are judged as the API server does: by schema, unknown fields, keys of
// lists, and CEL. Objects of Kubernetes' own kinds are decoded strictly, so that no field of theirs is misspelled.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	definitions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/client-go/kubernetes/scheme"
)

// One version of one kind, ready to judge objects.
type kind struct {
	structural *schema.Structural
	fields     validation.SchemaValidator
	rules      *cel.Validator
}

type judge struct {
	kinds map[string]*kind // "weft.dev/v1alpha1/Workload"
}

func texts(errors field.ErrorList) []string {
	said := []string{}
	for _, one := range errors {
		said = append(said, one.Error())
	}
	return said
}

func (j *judge) definition(text []byte) []string {
	var written apiextensionsv1.CustomResourceDefinition
	if err := json.Unmarshal(text, &written); err != nil {
		return []string{err.Error()}
	}
	apiextensionsv1.SetObjectDefaults_CustomResourceDefinition(&written)
	written.Status.StoredVersions = []string{written.Spec.Versions[0].Name}
	var read apiextensions.CustomResourceDefinition
	if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(&written, &read, nil); err != nil {
		return []string{err.Error()}
	}
	if errors := definitions.ValidateCustomResourceDefinition(context.Background(), &read); len(errors) > 0 {
		return texts(errors)
	}
	for _, version := range read.Spec.Versions {
		found, err := apiextensions.GetSchemaForVersion(&read, version.Name)
		if err != nil {
			return []string{err.Error()}
		}
		structural, err := schema.NewStructural(found.OpenAPIV3Schema)
		if err != nil {
			return []string{err.Error()}
		}
		if errors := schema.ValidateStructural(nil, structural); len(errors) > 0 {
			return texts(errors)
		}
		fields, _, err := validation.NewSchemaValidator(found.OpenAPIV3Schema)
		if err != nil {
			return []string{err.Error()}
		}
		j.kinds[read.Spec.Group+"/"+version.Name+"/"+read.Spec.Names.Kind] = &kind{
			structural: structural, fields: fields, rules: cel.NewValidator(structural, true, celconfig.PerCallLimit)}
	}
	return []string{}
}

func (k *kind) judge(object map[string]any) []string {
	said := texts(validation.ValidateCustomResource(nil, object, k.fields))
	said = append(said, texts(listtype.ValidateListSetsAndMaps(nil, k.structural, object))...)
	// As the API server: rules are asked only of objects that the schema lets through.
	if len(said) == 0 {
		errors, _ := k.rules.Validate(context.Background(), nil, k.structural, object, nil, celconfig.RuntimeCELCostBudget)
		said = append(said, texts(errors)...)
	}
	unknown := pruning.PruneWithOptions(object, k.structural, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	for _, path := range unknown {
		said = append(said, fmt.Sprintf("unknown field %q", path))
	}
	return said
}

func (j *judge) object(text []byte) []string {
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil {
		return []string{err.Error()}
	}
	if ours, known := j.kinds[fmt.Sprintf("%v/%v", object["apiVersion"], object["kind"])]; known {
		return ours.judge(whole(object).(map[string]any))
	}
	codecs := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict)
	if _, _, err := codecs.UniversalDeserializer().Decode(text, nil, nil); err != nil {
		return []string{err.Error()}
	}
	return []string{}
}

// Whole numbers as the API server has them.
func whole(value any) any {
	switch held := value.(type) {
	case map[string]any:
		for key, inside := range held {
			held[key] = whole(inside)
		}
	case []any:
		for i, inside := range held {
			held[i] = whole(inside)
		}
	case float64:
		if held == float64(int64(held)) {
			return int64(held)
		}
	}
	return value
}

func main() {
	known := &judge{kinds: map[string]*kind{}}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16*1024*1024)
	answers := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var asked struct {
			Crd    json.RawMessage `json:"crd"`
			Object json.RawMessage `json:"object"`
		}
		errors := []string{}
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			errors = []string{err.Error()}
		} else if asked.Crd != nil {
			errors = known.definition(asked.Crd)
		} else {
			errors = known.object(asked.Object)
		}
		if err := answers.Encode(map[string][]string{"errors": errors}); err != nil {
			os.Exit(1)
		}
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintln(os.Stderr, "judge:", err)
		os.Exit(1)
	}
}
