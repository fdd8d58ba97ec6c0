<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis styleCategories="Symbology" version="3.22.16-Białowieża">
  <pipe-data-defined-properties>
    <Option type="Map">
      <Option name="name" value="" type="QString"/>
      <Option name="properties"/>
      <Option name="type" value="collection" type="QString"/>
    </Option>
  </pipe-data-defined-properties>
  <pipe>
    <provider>
      <resampling enabled="false" maxOversampling="2" zoomedInResamplingMethod="nearestNeighbour" zoomedOutResamplingMethod="nearestNeighbour"/>
    </provider>
    <rasterrenderer opacity="1" classificationMin="0" classificationMax="1" type="singlebandpseudocolor" alphaBand="-1" nodataColor="" band="1">
      <minMaxOrigin>
        <limits>None</limits>
        <extent>WholeRaster</extent>
        <statAccuracy>Estimated</statAccuracy>
        <cumulativeCutLower>0.02</cumulativeCutLower>
        <cumulativeCutUpper>0.98</cumulativeCutUpper>
        <stdDevFactor>2</stdDevFactor>
      </minMaxOrigin>
      <rastershader>
        <colorrampshader labelPrecision="6" classificationMode="1" minimumValue="0" clip="0" colorRampType="INTERPOLATED" maximumValue="1">
          <item color="#fcfdbf" value="0" label="0" alpha="255"/>
          <item color="#fece91" value="0.111111111111111" label="0.111" alpha="255"/>
          <item color="#fe9f6d" value="0.222222222222222" label="0.222" alpha="255"/>
          <item color="#f7705c" value="0.333333333333333" label="0.333" alpha="255"/>
          <item color="#de4968" value="0.444444444444444" label="0.444" alpha="255"/>
          <item color="#b73779" value="0.555555555555556" label="0.556" alpha="255"/>
          <item color="#8c2981" value="0.666666666666667" label="0.667" alpha="255"/>
          <item color="#641a80" value="0.777777777777778" label="0.778" alpha="255"/>
          <item color="#3b0f70" value="0.888888888888889" label="0.889" alpha="255"/>
          <item color="#150e37" value="1" label="1" alpha="255"/>
          <rampLegendSettings minimumLabel="" orientation="2" suffix="" useContinuousLegend="1" maximumLabel="" prefix="" direction="0">
            <numericFormat id="basic">
              <Option type="Map">
                <Option name="decimal_separator" value="" type="QChar"/>
                <Option name="decimals" value="6" type="int"/>
                <Option name="rounding_type" value="0" type="int"/>
                <Option name="show_plus" value="false" type="bool"/>
                <Option name="show_thousand_separator" value="true" type="bool"/>
                <Option name="show_trailing_zeros" value="false" type="bool"/>
                <Option name="thousand_separator" value="" type="QChar"/>
              </Option>
            </numericFormat>
          </rampLegendSettings>
        </colorrampshader>
      </rastershader>
    </rasterrenderer>
    <brightnesscontrast contrast="0" gamma="1" brightness="0"/>
    <huesaturation invertColors="0" colorizeOn="0" colorizeBlue="128" colorizeRed="255" colorizeGreen="128" grayscaleMode="0" saturation="0" colorizeStrength="100"/>
    <rasterresampler maxOversampling="2"/>
    <resamplingStage>resamplingFilter</resamplingStage>
  </pipe>
  <blendMode>0</blendMode>
</qgis>
