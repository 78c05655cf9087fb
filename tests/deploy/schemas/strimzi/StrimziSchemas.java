import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.databind.JavaType;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.introspect.AnnotatedMember;
import com.fasterxml.jackson.databind.introspect.BeanPropertyDefinition;
import java.lang.annotation.Annotation;
import java.lang.reflect.AnnotatedElement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Prints a strict JSON schema of each class named, as its annotations tell it: names and types of fields, subtypes, enums, bounds, what is
 * required. Strimzi makes its custom resource definitions from the same classes by a generator that it does not publish.
 *
 * <p>java -cp 'jars/*' StrimziSchemas.java io.strimzi.api.kafka.model.topic.KafkaTopic ...
 */
public class StrimziSchemas {
    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final Set<String> WHOLE_OR_TEXT = Set.of("Quantity", "IntOrString");
    private static final String ANNOTATIONS = "io.strimzi.crdgenerator.annotations.";
    private final Map<String, Object> definitions = new TreeMap<>();

    public static void main(String[] classes) throws Exception {
        Map<String, Object> all = new LinkedHashMap<>();
        for (String name : classes) {
            StrimziSchemas one = new StrimziSchemas();
            Class<?> kind = Class.forName(name);
            Map<String, Object> schema = new LinkedHashMap<>();
            Map<String, Object> top = one.describe(MAPPER.constructType(kind));
            schema.putAll(top);
            schema.put("$defs", one.definitions);
            all.put(kind.getSimpleName(), schema);
        }
        System.out.println(MAPPER.writeValueAsString(all));
    }

    private Map<String, Object> describe(JavaType type) throws Exception {
        Class<?> raw = type.getRawClass();
        if (WHOLE_OR_TEXT.contains(raw.getSimpleName())) return Map.of("type", List.of("string", "number"));
        if (raw == String.class || raw == char.class) return Map.of("type", "string");
        if (raw == boolean.class || raw == Boolean.class) return Map.of("type", "boolean");
        if (Set.of(int.class, long.class, Integer.class, Long.class).contains(raw)) return Map.of("type", "integer");
        if (raw.isPrimitive() || Number.class.isAssignableFrom(raw)) return Map.of("type", "number");
        if (raw.isEnum()) return enumeration(raw);
        if (type.isMapLikeType()) return Map.of("type", "object", "additionalProperties", describe(type.getContentType()));
        if (type.isCollectionLikeType() || type.isArrayType())
            return Map.of("type", "array", "items", describe(type.getContentType()));
        if (raw == Object.class || raw.getName().startsWith("com.fasterxml")) return Map.of();
        return reference(type, raw);
    }

    private Map<String, Object> enumeration(Class<?> raw) {
        List<String> values = new ArrayList<>();
        for (Object constant : raw.getEnumConstants()) values.add(MAPPER.convertValue(constant, String.class));
        return Map.of("enum", values);
    }

    private Map<String, Object> reference(JavaType type, Class<?> raw) throws Exception {
        String name = raw.getSimpleName();
        if (!definitions.containsKey(name)) {
            definitions.put(name, Map.of());
            Map<String, Object> properties = new TreeMap<>();
            Set<String> required = new TreeSet<>();
            collect(type, properties, required);
            JsonSubTypes subtypes = raw.getAnnotation(JsonSubTypes.class);
            if (subtypes != null) {
                List<String> names = new ArrayList<>();
                for (JsonSubTypes.Type one : subtypes.value()) {
                    names.add(one.name());
                    collect(MAPPER.constructType(one.value()), properties, new TreeSet<>());
                }
                properties.put("type", Map.of("enum", names));
                required.add("type");
            }
            Map<String, Object> schema = new LinkedHashMap<>();
            schema.put("type", "object");
            schema.put("additionalProperties", false);
            schema.put("properties", properties);
            if (!required.isEmpty()) schema.put("required", required);
            definitions.put(name, schema);
        }
        return Map.of("$ref", "#/$defs/" + name);
    }

    private void collect(JavaType type, Map<String, Object> properties, Set<String> required) throws Exception {
        for (BeanPropertyDefinition property : MAPPER.getSerializationConfig().introspect(type).findProperties()) {
            AnnotatedMember member = property.getAccessor();
            AnnotatedElement element = member == null ? null : member.getAnnotated();
            String versions = text(element, "PresentInVersions");
            boolean gone = versions != null && !versions.endsWith("v1") && !versions.endsWith("+");
            if (member == null || gone || Set.of("additionalProperties", "status").contains(property.getName())) continue;
            Map<String, Object> schema = new LinkedHashMap<>(describe(member.getType()));
            bound(element, "Minimum", "minimum", schema);
            bound(element, "Maximum", "maximum", schema);
            if (text(element, "Pattern") != null) schema.put("pattern", text(element, "Pattern"));
            properties.put(property.getName(), schema);
            String requiredIn = text(element, "RequiredInVersions");
            if (property.isRequired() || (requiredIn != null && (requiredIn.endsWith("v1") || requiredIn.endsWith("+"))))
                required.add(property.getName());
        }
    }

    private static void bound(AnnotatedElement element, String annotation, String key, Map<String, Object> schema) {
        String value = text(element, annotation);
        if (value != null) schema.put(key, Long.parseLong(value));
    }

    /** The value of one of Strimzi's annotations on a getter or a field, as text; null where there is none. */
    private static String text(AnnotatedElement element, String annotation) {
        for (Annotation one : element == null ? new Annotation[0] : element.getAnnotations()) {
            if (!one.annotationType().getName().equals(ANNOTATIONS + annotation)) continue;
            try {
                return String.valueOf(one.annotationType().getMethod("value").invoke(one));
            } catch (ReflectiveOperationException error) {
                throw new IllegalStateException(annotation + " has no value: is it a newer Strimzi?", error);
            }
        }
        return null;
    }
}
