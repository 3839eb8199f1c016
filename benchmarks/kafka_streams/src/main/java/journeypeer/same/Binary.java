package journeypeer.same;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.utils.Bytes;

/** Bytes of keys and values. */
final class Binary {
    interface Writing {
        void write(DataOutputStream out) throws IOException;
    }

    interface Reading<T> {
        T read(DataInputStream in) throws IOException;
    }

    static byte[] written(Writing what) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(256);
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            what.write(out);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        return bytes.toByteArray();
    }

    static <T> T read(byte[] bytes, Reading<T> what) {
        try {
            return what.read(new DataInputStream(new ByteArrayInputStream(bytes)));
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    /** A key of `parts`, each ended by a NUL: what begins with the same parts stands together. */
    static Bytes key(String... parts) {
        StringBuilder text = new StringBuilder(96);
        for (String part : parts) text.append(part).append('\0');
        return Bytes.wrap(text.toString().getBytes(StandardCharsets.UTF_8));
    }

    /** Beyond every key that begins with `first`. */
    static Bytes end(String first) {
        return Bytes.wrap((first + '\1').getBytes(StandardCharsets.UTF_8));
    }

    private Binary() {}
}
