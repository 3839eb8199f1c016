package journeypeer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/** What a run published, read as anybody would: the transitions that hold in the end. */
final class Published {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** `"stages": "<SHA-256 of the transitions, one a line, in order>"`; nothing where they are told without a sign. */
    static String digest(String bootstrap, List<TopicPartition> topic, long until) throws Exception {
        Map<String, Integer> held = new TreeMap<>();
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "isolation.level", "read_committed", "enable.auto.commit", "false");
        try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new ByteArrayDeserializer())) {
            consumer.assign(topic);
            consumer.seekToBeginning(topic);
            Map<TopicPartition, Long> ends = consumer.endOffsets(topic);
            while (topic.stream().anyMatch(one -> consumer.position(one) < ends.get(one))) {
                if (System.nanoTime() > until) throw new IllegalStateException("the transitions could not be read in time");
                for (ConsumerRecord<String, byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                    JsonNode told = JSON.readTree(record.value());
                    if (!told.has("count")) return "";
                    String line = String.join("\t", told.get("person").asText(), told.get("to").asText(), told.get("at").asText(),
                            told.get("nth").asText(), told.get("from").asText(), told.get("rule").asText());
                    held.merge(line, told.get("count").asInt(), Integer::sum);
                }
            }
        }
        held.values().removeIf(count -> count == 0);
        if (held.values().stream().anyMatch(count -> count != 1)) throw new IllegalStateException("a transition is told twice, or taken back");
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        for (String line : held.keySet()) digest.update((line + "\n").getBytes(StandardCharsets.UTF_8));
        return "\"stages\": \"" + HexFormat.of().formatHex(digest.digest()) + "\"";
    }

    private Published() {}
}
